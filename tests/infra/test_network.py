"""privateNetwork=true: every public endpoint is closed, and each has a private endpoint."""

from tests.infra.deployment import MAIN, module, resources
from tests.infra.templates.bicep import Expression, load

# The resources with an endpoint of their own, and the private endpoints that lead there.
DOORS = {
    "Microsoft.Storage/storageAccounts": {"blob", "queue", "table"},
    "Microsoft.Batch/batchAccounts": {"batchAccount", "nodeManagement"},
    "Microsoft.EventGrid/topics": {"topic"},
    "Microsoft.Web/sites": {"sites"},
}
TARGETS = {
    "storageAccountId": "Microsoft.Storage/storageAccounts",
    "batchAccountId": "Microsoft.Batch/batchAccounts",
    "topicId": "Microsoft.EventGrid/topics",
    "siteId": "Microsoft.Web/sites",
}


def test_every_public_door_is_shut():
    for kind in DOORS:
        (resource,) = resources(kind)
        door = resource.body["properties"]["publicNetworkAccess"]
        assert door == Expression(
            "privateNetwork ? 'Disabled' : 'Enabled'", ("Disabled", "Enabled")
        )


def test_behind_every_door_there_is_a_private_one():
    found = {kind: set() for kind in DOORS}
    for endpoint in module("endpoints").variables["endpoints"]:
        found[TARGETS[endpoint["target"].text]].add(endpoint["group"])
    assert found == DOORS


def test_every_private_door_has_a_zone_that_leads_there():
    variables = module("endpoints").variables
    assert {str(e["zone"]) for e in variables["endpoints"]} == {
        str(name) for name in variables["zoneNames"]
    }


def test_event_grid_comes_in_as_a_trusted_service_with_the_topics_own_identity():
    (account,) = resources("Microsoft.Storage/storageAccounts")
    assert account.body["properties"]["networkAcls"]["bypass"] == "AzureServices"
    (topic,) = resources("Microsoft.EventGrid/systemTopics")
    (subscription,) = resources("Microsoft.EventGrid/systemTopics/eventSubscriptions")
    assert topic.body["identity"] == {"type": "SystemAssigned"}
    for way in ("deliveryWithResourceIdentity", "deadLetterWithResourceIdentity"):
        assert subscription.body["properties"][way]["identity"] == {"type": "SystemAssigned"}


def test_what_an_operator_adds_to_the_network_stays_when_it_is_deployed_again():
    """A list of subnets in the network would be the whole list: it deletes all others."""
    (network,) = resources("Microsoft.Network/virtualNetworks")
    (subnet,) = resources("Microsoft.Network/virtualNetworks/subnets")
    assert set(network.body["properties"]) == {"addressSpace"}
    assert subnet.body["parent"].text == "network"


def test_the_app_and_the_nodes_are_in_the_network():
    main = load(MAIN)
    given = {name: made.body["params"] for name, made in main.modules.items()}
    assert "network.?outputs.functionSubnetId" in given["functions"]["functionSubnetId"].text
    assert "network.?outputs.nodeSubnetId" in given["pools"]["nodeSubnetId"].text
    assert "network.?outputs.endpointSubnetId" in given["endpoints"]["subnetId"].text
    subnets = {s["name"]: s["properties"] for s in module("network").variables["subnets"]}
    outputs = {name: value.text for name, value in module("network").outputs.items()}
    assert list(subnets) == ["functions", "endpoints", "nodes"]
    assert outputs.pop("networkId") == "network.id"
    assert outputs == {
        "functionSubnetId": "parts[0].id",
        "endpointSubnetId": "parts[1].id",
        "nodeSubnetId": "parts[2].id",
    }
    (delegation,) = subnets["functions"]["delegations"]
    assert delegation["properties"]["serviceName"] == "Microsoft.App/environments"
    assert subnets["nodes"]["defaultOutboundAccess"] is False
