// The storage account: everything that a run is. Names are those of pipeline/settings.py, which a test compares.
param location string
param tags { *: string }
// uniqueString makes 13 characters; a token of any length could make the name of the account too short.
@minLength(13)
@maxLength(13)
param token string
param privateNetwork bool
param workRetentionDays int
param sku string
param allowedIps string[]

var deployments = 'deployments'
var containers = [
  'input'
  'work'
  'receipts'
  'engine'
  'output'
  'scripts'
  'dead-letter'
]
var queues = [
  'blob-events'
  'work'
  'receipts'
]
var tables = [
  'runs'
  'tasks'
  'progress'
  'pools'
]

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: 'st${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    supportsHttpsTrafficOnly: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: privateNetwork && empty(allowedIps) ? 'Disabled' : 'Enabled'
    networkAcls: {
      // Event Grid delivers from outside any network: as the system topic's own identity, a trusted service.
      bypass: 'AzureServices'
      defaultAction: privateNetwork ? 'Deny' : 'Allow'
      // Only with a private network: otherwise the app and the nodes come from addresses that nobody knows.
      ipRules: [
        for each in privateNetwork ? allowedIps : []: {
          action: 'Allow'
          value: each
        }
      ]
    }
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    // Outputs are immutable and inputs pinned; a deleted blob stays deleted, and costs nothing more.
    deleteRetentionPolicy: {
      enabled: false
    }
    // A container that is deleted by mistake can be restored for a week; until one is, this costs nothing.
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [
  for name in containers: {
    parent: blobService
    name: name
    properties: {
      publicAccess: 'None'
    }
  }
]

resource deploymentContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobService
  name: deployments
  properties: {
    publicAccess: 'None'
  }
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource workQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [
  for name in queues: {
    parent: queueService
    name: name
  }
]

resource poisonQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [
  for name in queues: {
    parent: queueService
    name: '${name}-poison'
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource ledger 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' = [
  for name in tables: {
    parent: tableService
    name: name
  }
]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  dependsOn: [
    blobService
  ]
  properties: {
    // The engine deletes what runs left, with the pins that its plans name. This takes what it missed, later.
    policy: json(replace(string(loadJsonContent('../lifecycle.json')), '"{days}"', string(workRetentionDays + 30)))
  }
}

output accountId string = account.id
output accountName string = account.name
output deploymentContainer string = deploymentContainer.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
output tableEndpoint string = account.properties.primaryEndpoints.table
