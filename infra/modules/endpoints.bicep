// Private endpoints of all that app and nodes talk to, with the DNS zones that lead there.
param location string
param tags { *: string }
param token string
param networkId string
param subnetId string
param storageAccountId string
param batchAccountId string
param topicId string
param siteId string

var endpoints = [
  {
    name: 'blob'
    target: storageAccountId
    group: 'blob'
    zone: 'privatelink.blob.${environment().suffixes.storage}'
  }
  {
    name: 'queue'
    target: storageAccountId
    group: 'queue'
    zone: 'privatelink.queue.${environment().suffixes.storage}'
  }
  {
    name: 'table'
    target: storageAccountId
    group: 'table'
    zone: 'privatelink.table.${environment().suffixes.storage}'
  }
  {
    name: 'batch'
    target: batchAccountId
    group: 'batchAccount'
    zone: 'privatelink.batch.azure.com'
  }
  {
    name: 'nodes'
    target: batchAccountId
    group: 'nodeManagement'
    zone: 'privatelink.batch.azure.com'
  }
  {
    name: 'topic'
    target: topicId
    group: 'topic'
    zone: 'privatelink.eventgrid.azure.net'
  }
  {
    name: 'app'
    target: siteId
    group: 'sites'
    zone: 'privatelink.azurewebsites.net'
  }
]
// Both endpoints of the Batch account share a zone.
var zoneNames = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
  'privatelink.batch.azure.com'
  'privatelink.eventgrid.azure.net'
  'privatelink.azurewebsites.net'
]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for name in zoneNames: {
    name: name
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (name, index) in zoneNames: {
    parent: zones[index]
    name: 'fanfare'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: networkId
      }
    }
  }
]

// One by one: an account refuses a second connection while it makes the first.
@batchSize(1)
resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for endpoint in endpoints: {
    name: 'pe-${endpoint.name}-${token}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: subnetId
      }
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: {
            // Each target is a parameter; the rule does not look through the loop's variable.
            #disable-next-line use-resource-id-functions
            privateLinkServiceId: endpoint.target
            groupIds: [
              endpoint.group
            ]
          }
        }
      ]
    }
  }
]

@batchSize(1)
resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (endpoint, index) in endpoints: {
    parent: privateEndpoints[index]
    name: 'default'
    dependsOn: [
      zones
    ]
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoint.name
          properties: {
            privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', endpoint.zone)
          }
        }
      ]
    }
  }
]
