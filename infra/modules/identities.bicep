// Two identities: who the app is, and who the nodes are.
param location string
param tags { *: string }
param token string

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-app-${token}'
  location: location
  tags: tags
}

resource node 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-node-${token}'
  location: location
  tags: tags
}

output appId string = app.id
output appClientId string = app.properties.clientId
output appPrincipalId string = app.properties.principalId
output nodeId string = node.id
