// The virtual network of privateNetwork=true: one subnet for the app, one for nodes, one for private endpoints.
param location string
param tags { *: string }
param token string

resource nodeRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-nodes-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'deny-inbound-internet'
        properties: {
          direction: 'Inbound'
          access: 'Deny'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
      {
        name: 'deny-outbound-internet'
        properties: {
          direction: 'Outbound'
          access: 'Deny'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'Internet'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource endpointRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-endpoints-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'deny-inbound-internet'
        properties: {
          direction: 'Inbound'
          access: 'Deny'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'vnet-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        '10.70.0.0/16'
      ]
    }
  }
}

// Each a resource of its own: in a list of the network, the next deployment would delete what an operator has added beside them.
var subnets = [
  {
    name: 'functions'
    properties: {
      addressPrefix: '10.70.0.0/24'
      networkSecurityGroup: {
        id: endpointRules.id
      }
      delegations: [
        {
          name: 'flex-consumption'
          properties: {
            serviceName: 'Microsoft.App/environments'
          }
        }
      ]
    }
  }
  {
    name: 'endpoints'
    properties: {
      addressPrefix: '10.70.1.0/24'
      networkSecurityGroup: {
        id: endpointRules.id
      }
    }
  }
  {
    name: 'nodes'
    properties: {
      addressPrefix: '10.70.16.0/20'
      defaultOutboundAccess: false
      networkSecurityGroup: {
        id: nodeRules.id
      }
    }
  }
]

// One by one: a network refuses a second subnet while it makes the first.
@batchSize(1)
resource parts 'Microsoft.Network/virtualNetworks/subnets@2024-05-01' = [
  for subnet in subnets: {
    parent: network
    name: subnet.name
    properties: subnet.properties
  }
]

output networkId string = network.id
output functionSubnetId string = parts[0].id
output endpointSubnetId string = parts[1].id
output nodeSubnetId string = parts[2].id
