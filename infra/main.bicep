// Fanfare in one resource group. Compiled and linted by `make check`; never deployed by its makers.
import { subscriber } from 'modules/subscriber-types.bicep'

targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the azd environment; it names the resource group.')
param environmentName string

@minLength(1)
@description('Region of everything. It has to offer Flex Consumption and the VM sizes of pools/*.yaml.')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Object id of who deploys: gets the data roles that uploads and the command line need. Empty: nobody does.')
param principalId string = ''

@allowed([
  'User'
  'Group'
  'ServicePrincipal'
])
@description('What principalId is: a person, a group, or a pipeline.')
param principalType string = 'User'

@description('Private endpoints instead of public ones, the app and the pools in a virtual network.')
param privateNetwork bool = false

@description('With privateNetwork: close the app, too. Only after the first `azd deploy`, which comes from outside; afterwards only machines in the network deploy and call.')
param closeApp bool = false

@description('Public IPv4 addresses or ranges up to /30, such as 203.0.113.7 or 203.0.113.0/24. The app takes calls and deployments from them alone; with privateNetwork, storage and Batch are open to them, too.')
param allowedIps string[] = []

@description('With privateNetwork: resource id of a NAT gateway, through which the app reaches Azure Monitor and Entra. Empty: as Azure gives it.')
param natGatewayId string = ''

@description('Make the pools with GPUs, too. Only where the region offers their sizes and the account has quota for them: one that it lacks stops the deployment.')
param gpuPools bool = false

@description('Names of pools that are not made, with commas between, such as one that Azure refuses. Those that are there stay.')
param withoutPools string = ''

@description('Who is told of completed runs beside the ledger: see docs/deploy.md, "Subscribers".')
param subscribers subscriber[] = []

@description('Resource ids of the key vaults whose secrets programs may get: see docs/deploy.md, "Secrets". Each has to use Azure RBAC.')
param keyVaults string[] = []

@description('Client id of the app registration that callers of the HTTP functions get tokens for; empty: the HTTP functions stay closed.')
param httpClientId string = ''

@description('Address that alerts go to. Empty: there are no alerts, and `fanfare doctor` finds the same when it is asked.')
param alertEmail string = ''

@minValue(-1)
@maxValue(4000)
@description('Most GB of logs that are stored a day, about 2.76 USD each; -1: no cap. Beyond it alerts on the log are blind until the next day.')
param logDailyCapGb int = 1

@description('Keep what Event Grid and Batch log of themselves in Log Analytics, which is paid by volume: failed deliveries, and what happened to pools and nodes.')
param auditLogs bool = false

@description('Settings of the app beside those that it needs, or in their place. A deployment removes all that are set by hand.')
param appSettings { *: string } = {}

@description('Tags of all resources, for bills and policies.')
param tags { *: string } = {}

@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_RAGRS'
  'Standard_GZRS'
  'Standard_RAGZRS'
])
@description('How the storage account keeps copies: in one place, in zones, or in a second region.')
param storageSku string = 'Standard_LRS'

@minValue(2)
@maxValue(3650)
@description('Days after the end of a run until its plan, logs, receipts and results are deleted; it cannot be redriven afterwards.')
param workRetentionDays int = 30

@minValue(7)
@maxValue(3650)
@description('Days after that until the run is forgotten; blobs from before start only by `fanfare backfill --rerun`. A queue may hold an event for seven days.')
param tombstoneRetentionDays int = 60

@description('Python of the function app; the one that the tests run on.')
param pythonVersion string = '3.13'

@allowed([
  512
  2048
  4096
])
@description('Memory of a function instance, MB.')
param instanceMemoryMB int = 2048

@allowed([
  'snapshot'
  'copy'
])
@description('How the version of a blob is kept for a run: a snapshot of it, or a copy of it.')
param pin string = 'snapshot'

@minValue(1)
@maxValue(1000)
@description('Most instances of each function.')
param maximumInstanceCount int = 40

var token = toLower(uniqueString(subscription().id, environmentName, location))
var allTags = union(tags, {
  'azd-env-name': environmentName
})

// Whom the topic reaches as its own identity: web hooks have neither a resource nor a role.
var reached = filter(subscribers, each => each.kind != 'webhook')

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: allTags
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: {
    location: location
    tags: allTags
    token: token
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: allTags
    token: token
    logDailyCapGb: logDailyCapGb
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    location: location
    tags: allTags
    token: token
    natGatewayId: natGatewayId
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    tags: allTags
    token: token
    privateNetwork: privateNetwork
    workRetentionDays: workRetentionDays
    sku: storageSku
    allowedIps: allowedIps
  }
}

module topics 'modules/topics.bicep' = {
  name: 'topics'
  scope: group
  params: {
    location: location
    tags: allTags
    token: token
    privateNetwork: privateNetwork
    storageAccountName: storage.outputs.accountName
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    storageAccountName: storage.outputs.accountName
    topicName: topics.outputs.topicName
    insightsName: monitoring.outputs.insightsName
    appPrincipalId: identities.outputs.appPrincipalId
    systemTopicPrincipalId: topics.outputs.systemTopicPrincipalId
    topicPrincipalId: topics.outputs.topicPrincipalId
    principalId: principalId
    principalType: principalType
  }
}

module secretRoles 'modules/secrets-role.bicep' = [
  for (vaultId, index) in keyVaults: {
    name: 'secrets-role-${index}'
    // Vaults may lie in other groups, and in other subscriptions of the tenant.
    scope: resourceGroup(split(vaultId, '/')[2], split(vaultId, '/')[4])
    params: {
      vaultName: split(vaultId, '/')[8]
      appPrincipalId: identities.outputs.appPrincipalId
    }
  }
]

module batch 'modules/batch.bicep' = {
  name: 'batch'
  scope: group
  // It needs no role itself. It takes minutes, and roles spread meanwhile, which what follows needs.
  dependsOn: [
    roles
  ]
  params: {
    location: location
    tags: allTags
    token: token
    privateNetwork: privateNetwork
    allowedIps: allowedIps
    appPrincipalId: identities.outputs.appPrincipalId
    principalId: principalId
    principalType: principalType
  }
}

module endpoints 'modules/endpoints.bicep' = if (privateNetwork) {
  name: 'endpoints'
  scope: group
  params: {
    location: location
    tags: allTags
    token: token
    networkId: network.?outputs.networkId ?? ''
    subnetId: network.?outputs.endpointSubnetId ?? ''
    storageAccountId: storage.outputs.accountId
    batchAccountId: batch.outputs.accountId
    topicId: topics.outputs.topicId
    siteId: functions.outputs.siteId
  }
  // Both change the storage account, which refuses a second change while it makes the first.
  dependsOn: [
    events
  ]
}

module events 'modules/events.bicep' = {
  name: 'events'
  scope: group
  // A subscription is refused while the topic's identity may not yet write to queue and container. Roles take
  // minutes to spread: what takes minutes, and needs no subscription, goes first.
  dependsOn: [
    roles
    functions
  ]
  params: {
    storageAccountName: storage.outputs.accountName
    systemTopicName: topics.outputs.systemTopicName
  }
}

module subscriberRoles 'modules/subscriber-role.bicep' = [
  for each in reached: {
    name: 'subscriber-role-${each.name}'
    // Targets may lie in other groups: resource ids are /subscriptions/S/resourceGroups/G/providers/...
    scope: resourceGroup(split(each.resourceId, '/')[2], split(each.resourceId, '/')[4])
    params: {
      kind: each.kind
      resourceId: each.resourceId
      topicPrincipalId: topics.outputs.topicPrincipalId
    }
  }
]

module completion 'modules/subscribers.bicep' = {
  name: 'subscribers'
  scope: group
  // The same holds for the roles on what subscribers have, and on dead letters.
  dependsOn: [
    roles
    subscriberRoles
    functions
  ]
  params: {
    topicName: topics.outputs.topicName
    storageAccountId: storage.outputs.accountId
    subscribers: subscribers
  }
}

module functions 'modules/functions.bicep' = {
  name: 'functions'
  scope: group
  dependsOn: [
    roles
  ]
  params: {
    location: location
    tags: allTags
    token: token
    privateNetwork: privateNetwork
    functionSubnetId: network.?outputs.functionSubnetId ?? ''
    storageAccountName: storage.outputs.accountName
    deploymentContainer: storage.outputs.deploymentContainer
    batchEndpoint: batch.outputs.endpoint
    topicEndpoint: topics.outputs.topicEndpoint
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    appIdentityId: identities.outputs.appId
    appClientId: identities.outputs.appClientId
    httpClientId: httpClientId
    nodeIdentityId: identities.outputs.nodeId
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    pin: pin
    workRetentionDays: workRetentionDays
    tombstoneRetentionDays: tombstoneRetentionDays
    closeApp: closeApp
    allowedIps: allowedIps
    appSettings: appSettings
  }
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmail)) {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: allTags
    insightsId: monitoring.outputs.insightsId
    systemTopicId: topics.outputs.systemTopicId
    topicId: topics.outputs.topicId
    alertEmail: alertEmail
  }
}

module diagnostics 'modules/diagnostics.bicep' = if (auditLogs) {
  name: 'diagnostics'
  scope: group
  params: {
    workspaceId: monitoring.outputs.workspaceId
    systemTopicName: topics.outputs.systemTopicName
    topicName: topics.outputs.topicName
    batchAccountName: batch.outputs.accountName
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: allTags
    insightsId: monitoring.outputs.insightsId
  }
}

module pools 'modules/pools.bicep' = {
  name: 'pools'
  scope: group
  // Last, and nothing waits for them: Azure may refuse a size, and then all else is there.
  dependsOn: [
    secretRoles
    endpoints
    events
    completion
    alerts
    diagnostics
    workbook
  ]
  params: {
    batchAccountName: batch.outputs.accountName
    nodeIdentityId: identities.outputs.nodeId
    nodeSubnetId: network.?outputs.nodeSubnetId ?? ''
    gpuPools: gpuPools
    withoutPools: withoutPools
    tags: allTags
  }
}

// azd writes the outputs into .azure/NAME/.env, which `fanfare --target` reads as settings.
output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP string = functions.outputs.siteName
// Where `fanfare --target` speaks to the app.
output AZURE_FUNCTION_URL string = functions.outputs.url
output AZURE_BATCH_ACCOUNT string = batch.outputs.accountName
output AZURE_STORAGE_ACCOUNT string = storage.outputs.accountName
output AzureWebJobsStorage__blobServiceUri string = storage.outputs.blobEndpoint
output AzureWebJobsStorage__queueServiceUri string = storage.outputs.queueEndpoint
output AzureWebJobsStorage__tableServiceUri string = storage.outputs.tableEndpoint
output FANFARE_BATCH_ENDPOINT string = batch.outputs.endpoint
output FANFARE_TOPIC_ENDPOINT string = topics.outputs.topicEndpoint
output FANFARE_NODE_IDENTITY string = identities.outputs.nodeId
