// The pools of pools/*.yaml, rendered into infra/pools.json by `make render`. An id carries a digest of what cannot be changed,
// and a pool that is there is left alone: the engine has given it its formula, and tasks may run on it.
param batchAccountName string
param nodeIdentityId string
param nodeSubnetId string
param gpuPools bool
param withoutPools string
param tags { *: string }

var pools = json(replace(string(loadJsonContent('../pools.json')), '{nodeIdentity}', nodeIdentityId))
var left = map(split(withoutPools, ','), name => trim(name))
// Without public addresses, nodes reach storage and Batch through private endpoints, and nothing else.
var network = empty(nodeSubnetId)
  ? {}
  : {
      networkConfiguration: {
        subnetId: nodeSubnetId
        publicIPAddressConfiguration: {
          provision: 'NoPublicIPAddresses'
        }
      }
    }

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' existing = {
  name: batchAccountName
}

@onlyIfNotExists()
resource pool 'Microsoft.Batch/batchAccounts/pools@2025-06-01' = [
  for item in pools: if ((gpuPools || !item.gpu) && !contains(left, item.properties.displayName)) {
    parent: account
    name: item.name
    // Bills show pools and not pipelines: a pipeline whose cost should be seen apart needs a pool of its own.
    tags: union(tags, {
      'fanfare-pool': item.properties.displayName
    })
    identity: {
      type: 'UserAssigned'
      userAssignedIdentities: {
        '${nodeIdentityId}': {}
      }
    }
    properties: union(item.properties, network)
  }
]
