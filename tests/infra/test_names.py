"""Names follow the rules of each service, even for the longest name of an azd environment."""

import re

import pytest

from tests.infra.deployment import FILES, POOLS, SUBSCRIPTIONS, module
from tests.infra.templates.bicep import Expression, load

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
RULES = {
    "Microsoft.Batch/batchAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Batch/batchAccounts/pools": r"[\w-]{1,64}",
    "Microsoft.EventGrid/systemTopics": r"[a-zA-Z0-9-]{3,50}",
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": r"[a-zA-Z0-9-]{3,64}",
    "Microsoft.EventGrid/topics": r"[a-zA-Z0-9-]{3,50}",
    "Microsoft.Insights/components": r"[\w.-]{1,255}",
    "Microsoft.ManagedIdentity/userAssignedIdentities": r"[a-zA-Z0-9][\w-]{2,127}",
    "Microsoft.Network/networkSecurityGroups": r"\w[\w.-]{0,78}\w",
    "Microsoft.Network/privateEndpoints": r"\w[\w.-]{0,62}\w",
    "Microsoft.Network/virtualNetworks": r"\w[\w.-]{0,62}\w",
    "Microsoft.OperationalInsights/workspaces": r"[a-zA-Z0-9][a-zA-Z0-9-]{2,61}[a-zA-Z0-9]",
    "Microsoft.Resources/resourceGroups": r"[\w.()-]{0,89}[\w()-]",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Storage/storageAccounts/blobServices/containers": r"[a-z0-9](-?[a-z0-9]){2,62}",
    "Microsoft.Storage/storageAccounts/queueServices/queues": r"[a-z0-9](-?[a-z0-9]){2,62}",
    "Microsoft.Storage/storageAccounts/tableServices/tables": r"[a-zA-Z][a-zA-Z0-9]{2,62}",
    "Microsoft.Web/serverfarms": r"[a-zA-Z0-9-]{1,60}",
    "Microsoft.Web/sites": r"[a-zA-Z0-9][a-zA-Z0-9-]{0,58}[a-zA-Z0-9]",
}
# uniqueString gives 13 characters; an environment's name may have 64.
FILLED = {"token": "a" * 13, "environmentName": "e" * 64}


def names():
    """Yield (type, name) of what the deployment creates, as far as names are known here."""
    storage, endpoints = module("storage").variables, module("endpoints").variables["endpoints"]
    services = "Microsoft.Storage/storageAccounts"
    for kind in ("blobServices/containers", "queueServices/queues", "tableServices/tables"):
        part = kind.split("/")[1]
        yield from ((f"{services}/{kind}", name) for name in storage[part])
    for name in storage["queues"]:
        yield f"{services}/queueServices/queues", f"{name}-poison"
    yield from (("Microsoft.Batch/batchAccounts/pools", pool["name"]) for pool in POOLS)
    system, custom = (topic["name"] for topic in SUBSCRIPTIONS["topics"])
    yield "Microsoft.EventGrid/systemTopics", system
    yield "Microsoft.EventGrid/topics", f"{custom}-{FILLED['token']}"
    for subscription in SUBSCRIPTIONS["eventSubscriptions"]:
        yield "Microsoft.EventGrid/systemTopics/eventSubscriptions", subscription["name"]
    for endpoint in endpoints:
        yield "Microsoft.Network/privateEndpoints", f"pe-{endpoint['name']}-{FILLED['token']}"
    for path in FILES:
        for made in load(path).resources.values():
            name = made.body.get("name")
            if isinstance(name, Expression) and name.text.startswith("'") and not made.existing:
                filled = re.sub(r"\$\{(\w+)\}", lambda m: FILLED.get(m[1], "?"), name.text)
                if "?" not in filled and "$" not in filled:
                    yield made.what.split("@")[0], filled.strip("'")


@pytest.mark.parametrize(("kind", "name"), sorted(set(names())))
def test_a_name_is_one_that_the_service_accepts(kind, name):
    assert re.fullmatch(RULES[kind], name)


def test_every_rule_is_used():
    assert {kind for kind, _ in names()} == set(RULES)
