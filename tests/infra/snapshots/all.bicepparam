// Every option at once: each resource that the templates can make is in this snapshot.
using '../../../infra/main.bicep'

param environmentName = 'the-longest-name-that-an-environment-of-the-command-azd-may-have'
param location = 'westeurope'
param principalId = '00000000-0000-0000-0000-0000000000aa'
param principalType = 'ServicePrincipal'
param privateNetwork = true
param closeApp = true
param allowedIps = ['203.0.113.7', '198.51.100.0/24']
param natGatewayId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/natGateways/way'
param gpuPools = true
param auditLogs = true
param alertEmail = 'operator@example.org'
param httpClientId = '00000000-0000-0000-0000-0000000000bb'
param tags = { 'cost-center': '42' }
param appSettings = { FANFARE_TICK: '30 * * * * *', EXTRA: 'yes' }
param storageSku = 'Standard_ZRS'
param keyVaults = [
  '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/keys/providers/Microsoft.KeyVault/vaults/mine'
]
param subscribers = [
  {
    kind: 'webhook'
    name: 'shop'
    endpoint: 'https://example.org/fanfare'
    entra: { tenantId: '00000000-0000-0000-0000-0000000000cc', applicationIdOrUri: 'api://shop' }
    filter: { includedEventTypes: ['fanfare.run.failed'] }
  }
  {
    kind: 'webhook'
    name: 'open'
    endpoint: 'https://example.org/open'
  }
  {
    kind: 'queue'
    name: 'desk'
    resourceId: '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/other/providers/Microsoft.Storage/storageAccounts/desk'
    queueName: 'done'
  }
  {
    kind: 'serviceBus'
    name: 'orders'
    resourceId: '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/other/providers/Microsoft.ServiceBus/namespaces/bus/queues/orders'
  }
  {
    kind: 'eventHub'
    name: 'lake'
    resourceId: '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/other/providers/Microsoft.EventHub/namespaces/hubs/eventhubs/lake'
  }
]
