// What runs did, at a glance: a workbook over the engine's logs.
param location string
param tags { *: string }
param insightsId string

resource workbook 'Microsoft.Insights/workbooks@2022-04-01' = {
  name: guid(resourceGroup().id, 'fanfare')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Fanfare'
    category: 'workbook'
    sourceId: insightsId
    serializedData: string(loadJsonContent('../workbook.json'))
  }
}
