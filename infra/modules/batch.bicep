// The Batch account: Entra only, auto-storage without a key. Its pools are in pools.bicep.
param location string
param tags { *: string }
// uniqueString makes 13 characters; a token of any length could make the name of the account too short.
@minLength(13)
@maxLength(13)
param token string
param privateNetwork bool
param storageAccountId string
param batchIdentityId string
param nodeIdentityId string
param appPrincipalId string
param principalId string
param principalType string

var batchDataContributor = '6aaa78f1-f7de-44ca-8722-c64a23943cae'

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' = {
  name: 'ba${token}'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${batchIdentityId}': {}
    }
  }
  properties: {
    poolAllocationMode: 'BatchService'
    // No account key, and no token that a task could take along.
    allowedAuthenticationModes: [
      'AAD'
    ]
    autoStorage: {
      storageAccountId: storageAccountId
      authenticationMode: 'BatchAccountManagedIdentity'
      nodeIdentityReference: {
        resourceId: nodeIdentityId
      }
    }
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
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
