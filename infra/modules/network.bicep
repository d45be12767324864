// The virtual network of privateNetwork=true: one subnet for the app, one for nodes, one for private endpoints.
// Nodes run the programs of strangers on the inputs of strangers: they reach the private endpoints, and neither each other nor what is peered.
param location string
param tags { *: string }
param token string
param natGatewayId string

var endpointRange = '10.70.1.0/24'

resource nodeRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-nodes-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'deny-inbound-network'
        properties: {
          direction: 'Inbound'
          access: 'Deny'
          priority: 3900
          protocol: '*'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
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
        name: 'allow-outbound-endpoints'
        properties: {
          direction: 'Outbound'
          access: 'Allow'
          priority: 1000
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: endpointRange
          destinationPortRange: '443'
        }
      }
      {
        // Azure's own address inside each network: names, leases, health. It needs no rule by default, and a denied network must not take it away.
        name: 'allow-outbound-platform'
        properties: {
          direction: 'Outbound'
          access: 'Allow'
          priority: 1100
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '168.63.129.16/32'
          destinationPortRange: '*'
        }
      }
      {
        name: 'deny-outbound-network'
        properties: {
          direction: 'Outbound'
          access: 'Deny'
          priority: 3900
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
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
      // The app's way to Azure Monitor and Entra: through a NAT gateway where one is named, else as Azure gives it.
      defaultOutboundAccess: empty(natGatewayId)
      ...(empty(natGatewayId) ? {} : { natGateway: { id: natGatewayId } })
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
      addressPrefix: endpointRange
      defaultOutboundAccess: false
      // Without it no rule of a security group holds for private endpoints.
      privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
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
