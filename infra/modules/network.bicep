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
    subnets: [
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
  }
}

output networkId string = network.id
output endpointSubnetId string = '${network.id}/subnets/endpoints'
output functionSubnetId string = '${network.id}/subnets/functions'
output nodeSubnetId string = '${network.id}/subnets/nodes'
