"""Names follow the rules of each service, even for the longest name of an azd environment."""

import re

import pytest

from tests.infra.deployment import EVALUATED, PARAMETERS, names

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
    "Microsoft.Network/virtualNetworks/subnets": r"\w[\w.-]{0,78}\w",
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
# Types whose names Azure fixes, makes of GUIDs, or takes in any form.
UNRULED = {
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.EventGrid/topics/eventSubscriptions",
    "Microsoft.Insights/actionGroups",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.Insights/metricAlerts",
    "Microsoft.Insights/scheduledQueryRules",
    "Microsoft.Insights/workbooks",
    "Microsoft.Network/privateDnsZones",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/managementPolicies",
    "Microsoft.Storage/storageAccounts/queueServices",
    "Microsoft.Storage/storageAccounts/tableServices",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
}
ALL = sorted({(kind, name) for kind in RULES for name in names(kind)})


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_name_is_one_that_the_service_accepts(kind, name):
    assert re.fullmatch(RULES[kind], name)


def test_every_rule_is_used_and_no_type_is_forgotten():
    assert {each["type"] for each in EVALUATED["all"]} == {*RULES, *UNRULED}


def test_the_names_are_those_of_the_longest_environment():
    (group,) = names("Microsoft.Resources/resourceGroups")
    assert len(group) == len("rg-") + 64
    assert PARAMETERS["environmentName"] == {"value": "${AZURE_ENV_NAME}"}
