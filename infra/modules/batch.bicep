// The Batch account: Entra only, and no auto-storage, which nothing here uses. Its pools are in pools.bicep.
param location string
param tags { *: string }
// uniqueString makes 13 characters; a token of any length could make the name of the account too short.
@minLength(13)
@maxLength(13)
param token string
param privateNetwork bool
param allowedIps string[]
param appPrincipalId string
param principalId string
param principalType string

var batchDataContributor = '6aaa78f1-f7de-44ca-8722-c64a23943cae'

var ipRules = [
  for each in allowedIps: {
    action: 'Allow'
    value: each
  }
]
// With a private network: the account's own endpoint for these addresses, and the nodes' endpoint for none.
var someIps = {
  networkProfile: {
    accountAccess: {
      defaultAction: 'Deny'
      ipRules: ipRules
    }
    nodeManagementAccess: {
      defaultAction: 'Deny'
    }
  }
}

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' = {
  name: 'ba${token}'
  location: location
  tags: tags
  properties: {
    poolAllocationMode: 'BatchService'
    // No account key, and no token that a task could take along.
    allowedAuthenticationModes: [
      'AAD'
    ]
    publicNetworkAccess: privateNetwork && empty(allowedIps) ? 'Disabled' : 'Enabled'
    ...(privateNetwork && !empty(allowedIps) ? someIps : {})
  }
}

// Adds jobs and tasks, and tells pools their formula: Job Submitter may read pools only.
resource appJobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appPrincipalId, batchDataContributor)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', batchDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The command line ends the jobs of a run that is cancelled, and looks at pools.
resource operatorJobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(principalId)) {
  name: guid(account.id, principalId, batchDataContributor)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', batchDataContributor)
    principalId: principalId
    principalType: principalType
  }
}

output accountId string = account.id
output accountName string = account.name
output endpoint string = 'https://${account.properties.accountEndpoint}'
