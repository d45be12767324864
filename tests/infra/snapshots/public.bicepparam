// What `azd up` makes when nobody has set anything.
using '../../../infra/main.bicep'

param environmentName = 'shop'
param location = 'westeurope'
