// The function app on Flex Consumption. Its settings are those that pipeline/settings.py and the host read, and a test compares.
param location string
param tags { *: string }
param token string
param privateNetwork bool
param functionSubnetId string
param storageAccountName string
param deploymentContainer string
param batchEndpoint string
param topicEndpoint string
param insightsConnectionString string
param appIdentityId string
param appClientId string
param httpClientId string
param nodeIdentityId string
param pythonVersion string
param instanceMemoryMB int
param maximumInstanceCount int
param pin string
param workRetentionDays int
param tombstoneRetentionDays int
param closeApp bool
param allowedIps string[]
param appSettings { *: string }

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName
}

var ipRules = [
  for (each, index) in allowedIps: {
    name: 'allowed-${index}'
    action: 'Allow'
    priority: 100 + index
    ipAddress: contains(each, '/') ? each : '${each}/32'
  }
]
// The functions and the deployment endpoint for these addresses alone.
var someIps = {
  ipSecurityRestrictionsDefaultAction: 'Deny'
  ipSecurityRestrictions: ipRules
  scmIpSecurityRestrictionsUseMain: true
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-${token}'
  location: location
  tags: union(tags, {
    'azd-service-name': 'app'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${appIdentityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: privateNetwork && closeApp ? 'Disabled' : 'Enabled'
    virtualNetworkSubnetId: privateNetwork ? functionSubnetId : null
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
      ...(empty(allowedIps) ? {} : someIps)
      // A deployment writes all settings: one that is not here is gone afterwards.
      appSettings: concat(
        filter(
          [
            {
              name: 'AzureWebJobsStorage__credential'
              value: 'managedidentity'
            }
            {
              name: 'AzureWebJobsStorage__clientId'
              value: appClientId
            }
            {
              name: 'AzureWebJobsStorage__blobServiceUri'
              value: account.properties.primaryEndpoints.blob
            }
            {
              name: 'AzureWebJobsStorage__queueServiceUri'
              value: account.properties.primaryEndpoints.queue
            }
            {
              name: 'AzureWebJobsStorage__tableServiceUri'
              value: account.properties.primaryEndpoints.table
            }
            {
              name: 'FANFARE_BATCH_ENDPOINT'
              value: batchEndpoint
            }
            {
              name: 'FANFARE_TOPIC_ENDPOINT'
              value: topicEndpoint
            }
            {
              name: 'FANFARE_NODE_IDENTITY'
              value: nodeIdentityId
            }
            {
              // Whose tokens the HTTP functions take; without a client id they are closed.
              name: 'FANFARE_HTTP_TENANT_ID'
              value: subscription().tenantId
            }
            {
              name: 'FANFARE_HTTP_CLIENT_ID'
              value: httpClientId
            }
            {
              name: 'FANFARE_HTTP_AUTHORITY'
              value: environment().authentication.loginEndpoint
            }
            {
              // Key vaults of this cloud; the engine takes the leading dot off.
              name: 'FANFARE_VAULT_DOMAIN'
              value: environment().suffixes.keyvaultDns
            }
            {
              name: 'FANFARE_PIN'
              value: pin
            }
            {
              name: 'AZURE_CLIENT_ID'
              value: appClientId
            }
            {
              // A thread for each message in hand: what waits for one loses time of its limit (docs/adr/0024).
              name: 'PYTHON_THREADPOOL_THREAD_COUNT'
              value: '18'
            }
            {
              name: 'FANFARE_KEEP_PARTS_DAYS'
              value: string(workRetentionDays)
            }
            {
              name: 'FANFARE_KEEP_RUNS_DAYS'
              value: string(workRetentionDays + tombstoneRetentionDays)
            }
            {
              name: 'FANFARE_TICK'
              value: '0 * * * * *'
            }
            {
              name: 'FANFARE_LOST_EVENTS'
              value: '0 7 * * * *'
            }
            {
              name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
              value: insightsConnectionString
            }
            {
              name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
              value: 'ClientId=${appClientId};Authorization=AAD'
            }
            {
              // Else the host's exporter keeps five traces a second, and drops the log records of all others, which alerts look for.
              name: 'OTEL_TRACES_SAMPLER'
              value: 'microsoft.fixed_percentage'
            }
            {
              name: 'OTEL_TRACES_SAMPLER_ARG'
              value: '1'
            }
            {
              // Queues deliver here; the webhook would need a key.
              name: 'AzureWebJobs.on_blob_event.Disabled'
              value: 'true'
            }
          ],
          each => !contains(appSettings, each.name)
        ),
        map(items(appSettings), each => { name: each.key, value: each.value })
      )
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${account.properties.primaryEndpoints.blob}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: appIdentityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
  }
}

// No password opens the deployment endpoints: azd deploys with its own token.
resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'ftp'
  // The service asks for a location ("The parameter location has an invalid value"), which its types do not know.
  #disable-next-line BCP187
  location: location
  properties: {
    allow: false
  }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'scm'
  // The service asks for a location ("The parameter location has an invalid value"), which its types do not know.
  #disable-next-line BCP187
  location: location
  properties: {
    allow: false
  }
}

output siteId string = site.id
output siteName string = site.name
output url string = 'https://${site.properties.defaultHostName}'
