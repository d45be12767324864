// Who may be told of completed runs. A kind that is missing or misspelt is refused before anything is deployed, and so is one that lacks what it needs.
@minLength(3)
@maxLength(64)
@description('Name of the event subscription: letters, digits and hyphens.')
type subscriptionName = string

@sealed()
@description('Event Grid then brings a token of this application in this tenant: the web hook can tell its events from forged ones.')
type entra = {
  tenantId: string
  applicationIdOrUri: string
}

@export()
@description('As Event Grid has it: only the events that pass it are delivered.')
// Event Grid itself refuses a wrong one: an advanced filter has some twenty forms.
#disable-next-line use-user-defined-types
type eventFilter = object

@sealed()
type webhook = {
  kind: 'webhook'
  name: subscriptionName
  filter: eventFilter?
  @secure()
  @description('An https address that answers the CloudEvents handshake when it is deployed first.')
  endpoint: string
  entra: entra?
}

@sealed()
type queue = {
  kind: 'queue'
  name: subscriptionName
  filter: eventFilter?
  @description('Resource id of the storage account.')
  resourceId: string
  @minLength(3)
  @maxLength(63)
  queueName: string
}

@sealed()
type serviceBus = {
  kind: 'serviceBus'
  name: subscriptionName
  filter: eventFilter?
  @description('Resource id of a queue in a Service Bus namespace.')
  resourceId: string
}

@sealed()
type eventHub = {
  kind: 'eventHub'
  name: subscriptionName
  filter: eventFilter?
  @description('Resource id of an event hub.')
  resourceId: string
}

@export()
@discriminator('kind')
type subscriber = webhook | queue | serviceBus | eventHub
