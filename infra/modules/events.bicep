// The system topic's subscriptions, out of the file that the local stack reads too: filters, retries and queues are the same.
param storageAccountName string
param systemTopicName string

var declared = loadJsonContent('../event-subscriptions.json')

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName
}

resource systemTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: systemTopicName
}

// One by one: each changes what the storage account tells Event Grid.
@batchSize(1)
resource subscriptions 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for subscription in declared.eventSubscriptions: {
    parent: systemTopic
    name: subscription.name
    properties: {
      deliveryWithResourceIdentity: {
        identity: {
          type: 'SystemAssigned'
        }
        destination: {
          endpointType: 'StorageQueue'
          properties: {
            resourceId: account.id
            queueName: subscription.properties.destination.properties.queueName
            queueMessageTimeToLiveInSeconds: subscription.properties.destination.properties.queueMessageTimeToLiveInSeconds
          }
        }
      }
      deadLetterWithResourceIdentity: {
        identity: {
          type: 'SystemAssigned'
        }
        deadLetterDestination: {
          endpointType: 'StorageBlob'
          properties: {
            resourceId: account.id
            blobContainerName: subscription.properties.deadLetterDestination.properties.blobContainerName
          }
        }
      }
      eventDeliverySchema: 'EventGridSchema'
      filter: subscription.properties.filter
      retryPolicy: subscription.properties.retryPolicy
    }
  }
]
