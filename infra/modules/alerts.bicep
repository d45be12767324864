// What a person should be told of at once, by mail: main.bicep makes no rule where nobody reads it, since rules cost money.
param location string
param tags { *: string }
param insightsId string
param systemTopicId string
param topicId string
param alertEmail string

// pipeline/domain/health/alerts.py is the one table of alerts; `make render` writes it there.
var rules = loadJsonContent('../alerts.json')

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
    description: rules.log.text
    severity: rules.log.severity
    enabled: true
    scopes: [
      insightsId
    ]
    evaluationFrequency: rules.log.frequency
    windowSize: rules.log.window
    criteria: {
      allOf: [
        {
          query: rules.log.query
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
  for metric in rules.metrics: {
    name: metric.name
    location: 'global'
    tags: tags
    properties: {
      description: metric.text
      severity: metric.severity
      enabled: true
      scopes: [
        metric.namespace == 'Microsoft.EventGrid/topics' ? topicId : systemTopicId
      ]
      evaluationFrequency: metric.frequency
      windowSize: metric.frequency
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: 'any'
            metricNamespace: metric.namespace
            metricName: metric.metric
            operator: 'GreaterThan'
            threshold: metric.above
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
