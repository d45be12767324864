// What a person should know of at once. Sentences are those that the engine logs, which a test compares.
param location string
param tags object
param insightsId string
param systemTopicId string
param topicId string
param alertEmail string

var actions = empty(alertEmail) ? [] : [
  group.id
]
var metricActions = empty(alertEmail) ? [] : [
  {
    actionGroupId: group.id
  }
]
var rules = [
  {
    name: 'fanfare-poison'
    title: 'Fanfare gave up on a message'
    text: 'A message failed five times. Its run ended, or the sweep asks again: fanfare show RUN says which.'
    severity: 2
    query: 'traces | where message has "Message given up on" or message has "Message put aside"'
  }
  {
    name: 'fanfare-stuck-run'
    title: 'A Fanfare run does not move'
    text: 'The sweep had to ask a run again and again that stood still for longer than a step should take: fanfare show RUN says what it waits for.'
    severity: 2
    query: 'traces | where message has "Run stood still" | extend run = extract(@"run\\W+([a-z0-9-]+)", 1, message) | summarize times = count() by run | where times >= 3'
  }
  {
    name: 'fanfare-waiting'
    title: 'A Fanfare run waits for its pool'
    text: 'No node takes the tasks: quota, capacity, image or start task. fanfare show RUN says which, docs/deploy.md what to do.'
    severity: 3
    query: 'traces | where message has "Run waits" and message matches regex @"action\\W+why"'
  }
  {
    name: 'fanfare-announce'
    title: 'A Fanfare run is not announced'
    text: 'A completion event was not published in time and is tried again: look at the topic, its network and the role EventGrid Data Sender.'
    severity: 1
    query: 'traces | where message has "Announcement overdue"'
  }
]
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
    name: 'fanfare-publish'
    text: 'The completion topic refused an event.'
    scope: topicId
    namespace: 'Microsoft.EventGrid/topics'
    metric: 'PublishFailCount'
  }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmail)) {
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

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2021-08-01' = [
  for rule in rules: {
    name: rule.name
    location: location
    tags: tags
    properties: {
      displayName: rule.title
      description: rule.text
      severity: rule.severity
      enabled: true
      scopes: [
        insightsId
      ]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT1H'
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
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
        actionGroups: actions
      }
    }
  }
]

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
      actions: metricActions
    }
  }
]
