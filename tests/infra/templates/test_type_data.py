"""Checks the templates against Azure's own type data, and the check against planted faults."""

from pathlib import Path

import pytest

from tests.infra.deployment import FILES, POOLS, SUBSCRIPTIONS, resources
from tests.infra.templates.bicep import load, parse
from tests.infra.templates.type_data import Types

DATA = Path(__file__).parent / "microsoft" / "types.json.gz"
# Types that the data does not hold; only their syntax is checked.
UNCHECKED = {
    "Microsoft.EventHub/namespaces/eventhubs@2024-01-01",
    "Microsoft.Insights/actionGroups@2023-01-01",
    "Microsoft.Insights/metricAlerts@2018-03-01",
    "Microsoft.Insights/scheduledQueryRules@2021-08-01",
    "Microsoft.Insights/workbooks@2022-04-01",
    "Microsoft.KeyVault/vaults@2024-11-01",
    "Microsoft.Network/networkSecurityGroups@2024-05-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01",
    "Microsoft.Network/privateDnsZones@2024-06-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01",
    "Microsoft.Network/privateEndpoints@2024-05-01",
    "Microsoft.Network/virtualNetworks/subnets@2024-05-01",
    "Microsoft.Network/virtualNetworks@2024-05-01",
    "Microsoft.Resources/resourceGroups@2024-03-01",
    "Microsoft.ServiceBus/namespaces/queues@2022-10-01-preview",
}

# What services require but the type data lacks. The policies: Azure/bicep-types-az issue 1317
# ("The parameter location has an invalid value" without it).
ASKED_FOR = {("Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01", "location")}


@pytest.fixture(scope="module")
def types():
    return Types(DATA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_resources_are_what_azure_takes(path, types):
    known = [r for r in load(path).resources.values() if r.what not in UNCHECKED]
    allowed = {
        f"{r.symbol} (line {r.line}): {name} is unknown"
        for r in known
        for what, name in ASKED_FOR
        if r.what == what
    }
    assert [p for r in known for p in types.check(r) if p not in allowed] == []


@pytest.mark.parametrize(("what", "name"), ASKED_FOR)
def test_what_services_ask_for_beyond_their_types_is_given(what, name):
    found = resources(what.split("@")[0])
    assert found and all(name in resource.body for resource in found)


def test_what_is_not_compared_is_listed(types):
    used = {r.what for path in FILES for r in load(path).resources.values()}
    assert {what for what in used if not types.knows(what)} == UNCHECKED


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool["name"])
def test_rendered_pools_are_what_azure_takes(pool, types):
    what = "Microsoft.Batch/batchAccounts/pools@2025-06-01"
    assert types.check_properties(what, pool["properties"]) == []


@pytest.mark.parametrize("entry", SUBSCRIPTIONS["eventSubscriptions"], ids=lambda e: e["name"])
def test_subscriptions_are_what_azure_takes(entry, types):
    what = "Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15"
    assert types.check_properties(what, entry["properties"]) == []


STORAGE = "Microsoft.Storage/storageAccounts@2025-06-01"
GOOD = """resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: 'stfanfare'
  location: location
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    allowSharedKeyAccess: false
    networkAcls: {
      defaultAction: closed ? 'Deny' : 'Allow'
      ipRules: [
        {
          value: '10.0.0.1'
        }
      ]
    }
  }
}
"""
FAULTS = {
    "an unknown property": ("allowSharedKeyAccess", "allowSharedKey", "allowSharedKey is unknown"),
    "a read-only property": (
        "allowSharedKeyAccess: false",
        "provisioningState: 'Succeeded'",
        "provisioningState is read-only",
    ),
    "a missing property": ("  kind: 'StorageV2'\n", "", "kind is missing"),
    "a missing property inside": ("value: '10.0.0.1'", "action: 'Allow'", "value is missing"),
    "a value that no enum has": ("'Deny'", "'Block'", "not one of Allow, Deny"),
    "a value spelt otherwise": ("'StorageV2'", "'storageV2'", "spelt otherwise"),
    "a text for a truth": ("false", "'false'", "not a bool"),
    "a name that is too short": ("'stfanfare'", "'st'", "too short or too long"),
    "a name with other letters": ("'stfanfare'", "'st-fanfare'", "does not match"),
    "an object for an array": ("ipRules: [", "ipRules: {\n a: [", "must be an array"),
}


def test_a_good_resource_has_no_problem(types):
    assert types.check(parse(GOOD).resources["account"]) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault, types):
    good, bad, said = FAULTS[fault]
    assert good in GOOD
    source = GOOD.replace(good, bad)
    if fault == "an object for an array":
        source = source.replace("      ]\n", "      ]\n }\n")
    file = parse(source)
    assert file.errors == []
    (problem,) = types.check(file.resources["account"])
    assert said in problem


def test_a_destination_of_no_known_kind_is_found(types):
    what = "Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15"
    wrong = {"destination": {"endpointType": "Queue", "properties": {}}}
    (problem,) = types.check_properties(what, wrong)
    assert "destination.endpointType is 'Queue', not one of AzureFunction" in problem


def test_what_the_management_plane_spells_otherwise_than_the_service_is_found(types):
    what = "Microsoft.Batch/batchAccounts/pools@2025-06-01"
    wrong = {
        "targetNodeCommunicationMode": "Simplified",
        "taskSchedulingPolicy": {"nodeFillType": "pack"},
    }
    found = types.check_properties(what, wrong)
    assert [problem.split(" ")[0] for problem in found] == [
        "targetNodeCommunicationMode",
        "taskSchedulingPolicy.nodeFillType",
    ]
