// A private network, with the app open for its first deployment, an operator who deploys, and pools that are left out.
using '../../../infra/main.bicep'

param environmentName = 'shop'
param location = 'westeurope'
param principalId = '00000000-0000-0000-0000-0000000000aa'
param privateNetwork = true
param withoutPools = 'containers, gpu'
