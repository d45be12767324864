// What a person should be told of at once, by mail: main.bicep makes no rule where nobody reads it, since rules cost money.
// Sentences are those that the engine logs, which a test compares.
param location string
param tags { *: string }
param insightsId string
param systemTopicId string
param topicId string
param alertEmail string

// One rule for all that the log tells, since each rule is paid; it is split by `alert`, so that each of its values fires and is resolved by itself.
var logQuery = 'traces | extend alert = case(message has "Announcement overdue", "A run is not announced", message has "Message reached the retry limit" or message has "Message moved to the poison queue" or message has "Dropped an unrecognised message", "Gave up on a message", message has "Run does not move", "A run does not move", message has "Timer has stopped", "The timer has stopped", message has "Run waits" and message matches regex @"action\\W+why", "A run waits for its pool", "") | where isnotempty(alert) | extend run = iff(alert == "A run does not move", extract(@"run\\W+([a-z0-9-]+)", 1, message), "") | summarize times = count() by alert, run | where times >= 3 or alert != "A run does not move"'
var metrics = [
  {
    name: 'fanfare-dead-letter'
    text: 'Event Grid could not deliver a storage event and put it into the container dead-letter; the hourly sweep starts its run.'
    scope: systemTopicId
    namespace: 'Microsoft.EventGrid/systemTopics'
    metric: 'DeadLetteredCount'
  }
  {
    name: 'fanfare-dropped'
    text: 'Event Grid dropped a storage event; the hourly sweep starts its run.'
    scope: systemTopicId
    namespace: 'Microsoft.EventGrid/systemTopics'
    metric: 'DroppedEventCount'
  }
  {
    name: 'fanfare-untold'
    text: 'Event Grid dropped a completion event: a subscriber refused it, or did not take it for a day. The run itself is complete.'
    scope: topicId
    namespace: 'Microsoft.EventGrid/topics'
    metric: 'DroppedEventCount'
  }
  {
    name: 'fanfare-publish'
    text: 'The completion topic refused an event.'
    scope: topicId
    namespace: 'Microsoft.EventGrid/topics'
    metric: 'PublishFailCount'
  }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'fanfare'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'fanfare'
    emailReceivers: [
      {
        name: 'operator'
        emailAddress: alertEmail
        useCommonAlertSchema: true
      }
    ]
  }
}

resource logAlert 'Microsoft.Insights/scheduledQueryRules@2021-08-01' = {
  name: 'fanfare-log'
  location: location
  tags: tags
  properties: {
    displayName: 'Fanfare needs a look'
    description: 'A run is not announced: look at the topic, its network and the role EventGrid Data Sender. Gave up on a message: its run ended, or the sweep asks again. A run does not move: the sweep asked again and again. The timer has stopped: other functions do its work when they are called, a restart of the app starts it. A run waits for its pool: quota, capacity, image or start task. fanfare show RUN says which, docs/deploy.md what to do.'
    severity: 2
    enabled: true
    scopes: [
      insightsId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H'
    criteria: {
      allOf: [
        {
          query: logQuery
          timeAggregation: 'Count'
          dimensions: [
            {
              name: 'alert'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    // The table exists only once the first trace has arrived.
    skipQueryValidation: true
    actions: {
      actionGroups: [
        group.id
      ]
    }
  }
}

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for metric in metrics: {
    name: metric.name
    location: 'global'
    tags: tags
    properties: {
      description: metric.text
      severity: 2
      enabled: true
      scopes: [
        metric.scope
      ]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: 'any'
            metricNamespace: metric.namespace
            metricName: metric.metric
            operator: 'GreaterThan'
            threshold: 0
            timeAggregation: 'Total'
          }
        ]
      }
      autoMitigate: true
      actions: [
        {
          actionGroupId: group.id
        }
      ]
    }
  }
]
