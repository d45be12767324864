// The completion topic may send to one subscriber's queue, Service Bus queue or event hub, and to nothing beside it.
@allowed([
  'queue'
  'serviceBus'
  'eventHub'
])
param kind string
param resourceId string
param topicPrincipalId string

var parts = split(resourceId, '/')
var queueMessageSender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
var serviceBusDataSender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
var eventHubsDataSender = '2b629674-e913-4c01-ae53-ef4638d8f975'

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = if (kind == 'queue') {
  name: parts[8]
}

resource busQueue 'Microsoft.ServiceBus/namespaces/queues@2022-10-01-preview' existing = if (kind == 'serviceBus') {
  name: '${parts[8]}/${last(parts)}'
}

resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = if (kind == 'eventHub') {
  name: '${parts[8]}/${last(parts)}'
}

// Sends messages only: it can neither read nor delete those of others.
resource queueSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (kind == 'queue') {
  name: guid(resourceId, topicPrincipalId, queueMessageSender)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', queueMessageSender)
    principalId: topicPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Sends to this one queue of the namespace.
resource busSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (kind == 'serviceBus') {
  name: guid(resourceId, topicPrincipalId, serviceBusDataSender)
  scope: busQueue
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', serviceBusDataSender)
    principalId: topicPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Sends to this one event hub of the namespace.
resource hubSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (kind == 'eventHub') {
  name: guid(resourceId, topicPrincipalId, eventHubsDataSender)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', eventHubsDataSender)
    principalId: topicPrincipalId
    principalType: 'ServicePrincipal'
  }
}
