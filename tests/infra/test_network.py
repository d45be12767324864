"""privateNetwork=true: public endpoints are closed, each has a private one, and nodes are alone."""

import pytest

from tests.infra.deployment import EVALUATED, one, resources

# The resources with an endpoint of their own, and the private endpoints that lead there.
DOORS = {
    "Microsoft.Storage/storageAccounts": {"blob", "queue", "table"},
    "Microsoft.Batch/batchAccounts": {"batchAccount", "nodeManagement"},
    "Microsoft.EventGrid/topics": {"topic"},
    "Microsoft.Web/sites": {"sites"},
}
SITE = "Microsoft.Web/sites"


def door(kind, variant):
    return one(kind, variant)["properties"]["publicNetworkAccess"]


def subnets(variant):
    found = resources("Microsoft.Network/virtualNetworks/subnets", variant)
    return {each["name"].rpartition("/")[2]: each["properties"] for each in found}


def rules(group):
    (found,) = [
        each
        for each in resources("Microsoft.Network/networkSecurityGroups")
        if each["name"].startswith(group)
    ]
    return [each["properties"] for each in found["properties"]["securityRules"]]


def first(direction, address, port):
    """Return what the first fitting rule for nodes says; Azure's own rules come last."""
    fitting = [
        rule
        for rule in sorted(rules("nsg-nodes"), key=lambda rule: rule["priority"])
        if rule["direction"] == direction
        and address in (rule["sourceAddressPrefix"], rule["destinationAddressPrefix"])
        and rule["destinationPortRange"] in ("*", port)
    ]
    return fitting[0]["access"] if fitting else "Azure's own rule"


def test_every_public_door_but_the_apps_is_shut():
    shut = {kind: door(kind, "private") for kind in DOORS if kind != SITE}
    assert set(shut.values()) == {"Disabled"}
    assert {door(kind, "public") for kind in DOORS} == {"Enabled"}


def test_the_app_stays_open_for_its_first_deployment_until_somebody_closes_it():
    """azd posts the package from outside, and its answer would be 403."""
    assert (door(SITE, "private"), door(SITE, "all")) == ("Enabled", "Disabled")


def test_behind_every_door_there_is_a_private_one():
    found = {kind: set() for kind in DOORS}
    for endpoint in resources("Microsoft.Network/privateEndpoints", "private"):
        (link,) = endpoint["properties"]["privateLinkServiceConnections"]
        kind = "/".join(link["properties"]["privateLinkServiceId"].split("/")[6:8])
        found[kind].update(link["properties"]["groupIds"])
    assert found == DOORS


def test_every_private_door_has_a_zone_that_leads_there():
    zones = {each["name"].strip("[]") for each in resources("Microsoft.Network/privateDnsZones")}
    used = set()
    for group in resources("Microsoft.Network/privateEndpoints/privateDnsZoneGroups"):
        (config,) = group["properties"]["privateDnsZoneConfigs"]
        zone = config["properties"]["privateDnsZoneId"]
        used |= {name for name in zones if name in zone}
    assert used == zones and len(zones) == 6


def test_event_grid_comes_in_as_a_trusted_service_with_the_topics_own_identity():
    account = one("Microsoft.Storage/storageAccounts", "private")
    assert account["properties"]["networkAcls"]["bypass"] == "AzureServices"
    for kind in ("systemTopics", "topics"):
        assert one(f"Microsoft.EventGrid/{kind}", "private")["identity"]["type"] == "SystemAssigned"
        for subscription in resources(f"Microsoft.EventGrid/{kind}/eventSubscriptions"):
            properties = subscription["properties"]
            ways = [properties["deadLetterWithResourceIdentity"]]
            ways += [properties[w] for w in ("deliveryWithResourceIdentity",) if w in properties]
            assert {way["identity"]["type"] for way in ways} == {"SystemAssigned"}
            assert len(ways) == 2 or properties["destination"]["endpointType"] == "WebHook"


def test_what_an_operator_adds_to_the_network_stays_when_it_is_deployed_again():
    """A list of subnets in the network would be the whole list: it deletes all others."""
    network = one("Microsoft.Network/virtualNetworks", "private")
    assert set(network["properties"]) == {"addressSpace"}
    assert list(subnets("private")) == ["functions", "endpoints", "nodes"]


def test_the_app_the_nodes_and_the_endpoints_are_in_the_network():
    site = one(SITE, "private")
    assert site["properties"]["virtualNetworkSubnetId"].endswith("/subnets/functions")
    assert one(SITE, "public")["properties"]["virtualNetworkSubnetId"] is None
    for endpoint in resources("Microsoft.Network/privateEndpoints", "private"):
        assert endpoint["properties"]["subnet"]["id"].endswith("/subnets/endpoints")
    for pool in resources("Microsoft.Batch/batchAccounts/pools", "private"):
        network = pool["properties"]["networkConfiguration"]
        assert network["subnetId"].endswith("/subnets/nodes")
        assert network["publicIPAddressConfiguration"] == {"provision": "NoPublicIPAddresses"}
    (delegation,) = subnets("private")["functions"]["delegations"]
    assert delegation["properties"]["serviceName"] == "Microsoft.App/environments"


def test_only_the_app_has_a_way_out_and_it_is_stated():
    plain = {name: each["defaultOutboundAccess"] for name, each in subnets("private").items()}
    assert plain == {"functions": True, "endpoints": False, "nodes": False}
    gateway = subnets("all")["functions"]
    assert gateway["natGateway"]["id"].endswith("/natGateways/way")
    assert gateway["defaultOutboundAccess"] is False


def test_rules_hold_for_private_endpoints_too():
    endpoints = subnets("private")["endpoints"]
    assert endpoints["privateEndpointNetworkPolicies"] == "NetworkSecurityGroupEnabled"


@pytest.mark.parametrize(
    ("direction", "address", "port", "access"),
    [
        ("Outbound", "10.70.1.0/24", "443", "Allow"),
        ("Outbound", "10.70.1.0/24", "22", "Azure's own rule"),
        ("Outbound", "168.63.129.16/32", "53", "Allow"),
        ("Outbound", "VirtualNetwork", "22", "Deny"),
        ("Outbound", "VirtualNetwork", "3389", "Deny"),
        ("Outbound", "Internet", "443", "Deny"),
        ("Inbound", "VirtualNetwork", "22", "Deny"),
        ("Inbound", "Internet", "22", "Deny"),
    ],
)
def test_a_node_reaches_the_endpoints_and_neither_other_nodes_nor_what_is_peered(
    direction, address, port, access
):
    """Nodes run strangers' inputs: one that is taken over must not lead to the next."""
    assert first(direction, address, port) == access


def test_the_endpoints_that_nodes_reach_are_where_the_rule_lets_them():
    (allowed,) = [r for r in rules("nsg-nodes") if r["destinationPortRange"] == "443"]
    assert allowed["destinationAddressPrefix"] == subnets("private")["endpoints"]["addressPrefix"]


def test_addresses_that_are_allowed_reach_the_doors_of_operators_and_no_others():
    assert {door(kind, "all") for kind in list(DOORS)[:2]} == {"Enabled"}
    assert door("Microsoft.EventGrid/topics", "all") == "Disabled"
    account = one("Microsoft.Storage/storageAccounts")["properties"]["networkAcls"]
    batch = one("Microsoft.Batch/batchAccounts")["properties"]["networkProfile"]
    site = one(SITE)["properties"]["siteConfig"]
    for listed in (account["ipRules"], batch["accountAccess"]["ipRules"]):
        assert [rule["value"] for rule in listed] == ["203.0.113.7", "198.51.100.0/24"]
    assert {rule["ipAddress"] for rule in site["ipSecurityRestrictions"]} == {
        "203.0.113.7/32",
        "198.51.100.0/24",
    }
    defaults = [account["defaultAction"], *(each["defaultAction"] for each in batch.values())]
    assert {*defaults, site["ipSecurityRestrictionsDefaultAction"]} == {"Deny"}
    assert site["scmIpSecurityRestrictionsUseMain"] is True


def test_nobody_is_named_where_nobody_asked_for_it():
    for variant in set(EVALUATED) - {"all"}:
        assert "ipSecurityRestrictions" not in one(SITE, variant)["properties"]["siteConfig"]
        assert "networkProfile" not in one("Microsoft.Batch/batchAccounts", variant)["properties"]
