// The two topics: what the storage account tells (system topic), and what runs announce (custom topic).
param location string
param tags { *: string }
param token string
param privateNetwork bool
param storageAccountName string

var declared = loadJsonContent('../event-subscriptions.json')

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName
}

resource systemTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: declared.topics[0].name
  location: location
  tags: tags
  // System-assigned: the only identity that passes a storage firewall as a trusted service.
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: account.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  // Unique in the region: it becomes a host name.
  name: '${declared.topics[1].name}-${token}'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
  }
}

output systemTopicId string = systemTopic.id
output systemTopicName string = systemTopic.name
output systemTopicPrincipalId string = systemTopic.identity.principalId
output topicId string = topic.id
output topicName string = topic.name
output topicPrincipalId string = topic.identity.principalId
output topicEndpoint string = topic.properties.endpoint
