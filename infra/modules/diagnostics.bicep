// What Azure's services log of themselves: why an event was not delivered, and what happened to pools and nodes. No logs of storage: the app
// asks its queues all day, and each question would be a line.
param workspaceId string
param systemTopicName string
param topicName string
param batchAccountName string

resource systemTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: systemTopicName
}

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' existing = {
  name: batchAccountName
}

resource uploads 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'fanfare'
  scope: systemTopic
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'DeliveryFailures'
        enabled: true
      }
    ]
  }
}

resource completions 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'fanfare'
  scope: topic
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'DeliveryFailures'
        enabled: true
      }
      {
        category: 'PublishFailures'
        enabled: true
      }
    ]
  }
}

resource pools 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'fanfare'
  scope: account
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'ServiceLog'
        enabled: true
      }
    ]
  }
}
