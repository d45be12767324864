// Who is told of completed runs. All but web hooks are delivered to as the topic's own identity.
// Each may have a `filter`, as Event Grid has it: only the events that pass it are delivered.
import { subscriber } from 'subscriber-types.bicep'

param topicName string
param storageAccountId string
param subscribers subscriber[]

// What nobody took for a day, or a subscriber refused, can be read there (docs/subscribing.md).
var deadLetters = {
  identity: {
    type: 'SystemAssigned'
  }
  deadLetterDestination: {
    endpointType: 'StorageBlob'
    properties: {
      resourceId: storageAccountId
      blobContainerName: 'dead-letter'
    }
  }
}

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

// { kind: 'webhook', name, endpoint }; endpoint answers the CloudEvents handshake when it is deployed first.
module webhooks 'webhook.bicep' = [
  for each in subscribers: if (each.kind == 'webhook') {
    name: 'webhook-${each.name}'
    params: {
      topicName: topicName
      name: each.name
      endpoint: each.endpoint
      tenantId: each.?entra.?tenantId
      applicationIdOrUri: each.?entra.?applicationIdOrUri
      filter: each.?filter ?? {}
      storageAccountId: storageAccountId
    }
  }
]

// { kind: 'queue', name, resourceId: a storage account's, queueName }
resource queues 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = [
  for each in subscribers: if (each.kind == 'queue') {
    parent: topic
    name: each.name
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: each.?filter ?? {}
      deadLetterWithResourceIdentity: deadLetters
      deliveryWithResourceIdentity: {
        identity: {
          type: 'SystemAssigned'
        }
        destination: {
          endpointType: 'StorageQueue'
          properties: {
            resourceId: each.resourceId
            queueName: each.queueName
          }
        }
      }
    }
  }
]

// { kind: 'serviceBus', name, resourceId: a queue's in a Service Bus namespace }
resource serviceBus 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = [
  for each in subscribers: if (each.kind == 'serviceBus') {
    parent: topic
    name: each.name
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: each.?filter ?? {}
      deadLetterWithResourceIdentity: deadLetters
      deliveryWithResourceIdentity: {
        identity: {
          type: 'SystemAssigned'
        }
        destination: {
          endpointType: 'ServiceBusQueue'
          properties: {
            resourceId: each.resourceId
          }
        }
      }
    }
  }
]

// { kind: 'eventHub', name, resourceId: an event hub's }
resource eventHubs 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = [
  for each in subscribers: if (each.kind == 'eventHub') {
    parent: topic
    name: each.name
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: each.?filter ?? {}
      deadLetterWithResourceIdentity: deadLetters
      deliveryWithResourceIdentity: {
        identity: {
          type: 'SystemAssigned'
        }
        destination: {
          endpointType: 'EventHub'
          properties: {
            resourceId: each.resourceId
          }
        }
      }
    }
  }
]
