// One web hook. Its address may carry a secret in its query: a secure parameter stays out of the history of deployments.
import { eventFilter } from 'subscriber-types.bicep'

param topicName string
param name string
@secure()
param endpoint string
param filter eventFilter

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

resource webhook 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: name
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: filter
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: endpoint
        minimumTlsVersionAllowed: '1.2'
      }
    }
  }
}
