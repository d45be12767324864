// Who is told of completed runs. All but web hooks are delivered to as the topic's own identity.
// Each may have a `filter`, as Event Grid has it: only the events that pass it are delivered.
param topicName string
param subscribers array

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

// { kind: 'webhook', name, endpoint }; endpoint answers the CloudEvents handshake when this is deployed.
resource webhooks 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = [
  for subscriber in subscribers: if (subscriber.kind == 'webhook') {
    parent: topic
    name: subscriber.name
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: contains(subscriber, 'filter') ? subscriber.filter : {}
      destination: {
        endpointType: 'WebHook'
        properties: {
          endpointUrl: subscriber.endpoint
          minimumTlsVersionAllowed: '1.2'
        }
      }
    }
  }
]

// { kind: 'queue', name, resourceId: a storage account's, queueName }
resource queues 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = [
  for subscriber in subscribers: if (subscriber.kind == 'queue') {
    parent: topic
    name: subscriber.name
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: contains(subscriber, 'filter') ? subscriber.filter : {}
      deliveryWithResourceIdentity: {
        identity: {
          type: 'SystemAssigned'
        }
        destination: {
          endpointType: 'StorageQueue'
          properties: {
            resourceId: subscriber.resourceId
            queueName: subscriber.queueName
          }
        }
      }
    }
  }
]

// { kind: 'serviceBus', name, resourceId: a queue's in a Service Bus namespace }
resource serviceBus 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = [
  for subscriber in subscribers: if (subscriber.kind == 'serviceBus') {
    parent: topic
    name: subscriber.name
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: contains(subscriber, 'filter') ? subscriber.filter : {}
      deliveryWithResourceIdentity: {
        identity: {
          type: 'SystemAssigned'
        }
        destination: {
          endpointType: 'ServiceBusQueue'
          properties: {
            resourceId: subscriber.resourceId
          }
        }
      }
    }
  }
]

// { kind: 'eventHub', name, resourceId: an event hub's }
resource eventHubs 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = [
  for subscriber in subscribers: if (subscriber.kind == 'eventHub') {
    parent: topic
    name: subscriber.name
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: contains(subscriber, 'filter') ? subscriber.filter : {}
      deliveryWithResourceIdentity: {
        identity: {
          type: 'SystemAssigned'
        }
        destination: {
          endpointType: 'EventHub'
          properties: {
            resourceId: subscriber.resourceId
          }
        }
      }
    }
  }
]
