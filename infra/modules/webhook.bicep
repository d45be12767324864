// One web hook. Its address may carry a secret in its query: a secure parameter stays out of the history of deployments.
// Event Grid asks a web hook at each change whether it wants the events. One that has its subscription is not asked again: a
// subscriber that is down would stop every later deployment.
import { eventFilter } from 'subscriber-types.bicep'

param topicName string
param name string
@secure()
param endpoint string
param tenantId string?
param applicationIdOrUri string?
param filter eventFilter
param storageAccountId string

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

@onlyIfNotExists()
resource webhook 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: name
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: filter
    deadLetterWithResourceIdentity: {
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
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: endpoint
        ...(tenantId == null
          ? {}
          : {
              azureActiveDirectoryTenantId: tenantId
              azureActiveDirectoryApplicationIdOrUri: applicationIdOrUri
            })
        minimumTlsVersionAllowed: '1.2'
      }
    }
  }
}
