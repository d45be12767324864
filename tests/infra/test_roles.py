"""Roles: GUIDs agree with a table, and each role has a reason and a scope below the group."""

import re
from itertools import pairwise

from pipeline.domain.health.roles import ACCOUNT, BATCH, INSIGHTS, NEEDED, TOPIC, Bearer
from tests.infra.deployment import FILES, parts, resources

# Azure's built-in roles, https://learn.microsoft.com/azure/role-based-access-control/built-in-roles.
BUILT_IN = {
    "blobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "blobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "queueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "queueDataMessageSender": "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
    "queueMessageSender": "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
    "tableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "eventGridDataSender": "d5a91429-5739-47e2-a06b-3470a27159e7",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "batchDataContributor": "6aaa78f1-f7de-44ca-8722-c64a23943cae",
    "serviceBusDataSender": "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "eventHubsDataSender": "2b629674-e913-4c01-ae53-ef4638d8f975",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
}
CONTAINERS = f"{ACCOUNT}/blobServices/default/containers"
QUEUES = f"{ACCOUNT}/queueServices/default/queues"
# Who has which role where: all that the code needs, and nothing more.
GRANTED = {
    ("app", "blobDataOwner", ACCOUNT),
    ("app", "queueDataContributor", ACCOUNT),
    ("app", "tableDataContributor", ACCOUNT),
    ("app", "eventGridDataSender", TOPIC),
    ("app", "monitoringMetricsPublisher", INSIGHTS),
    ("app", "batchDataContributor", BATCH),
    ("app", "keyVaultSecretsUser", "Microsoft.KeyVault/vaults/mine"),
    ("system topic", "queueDataMessageSender", f"{QUEUES}/blob-events"),
    ("system topic", "queueDataMessageSender", f"{QUEUES}/receipts"),
    ("system topic", "blobDataContributor", f"{CONTAINERS}/dead-letter"),
    ("topic", "blobDataContributor", f"{CONTAINERS}/dead-letter"),
    ("topic", "queueDataMessageSender", "Microsoft.Storage/storageAccounts/desk"),
    ("topic", "serviceBusDataSender", "Microsoft.ServiceBus/namespaces/bus/queues/orders"),
    ("topic", "eventHubsDataSender", "Microsoft.EventHub/namespaces/hubs/eventhubs/lake"),
    ("operator", "blobDataContributor", ACCOUNT),
    ("operator", "queueDataContributor", ACCOUNT),
    ("operator", "tableDataContributor", ACCOUNT),
    ("operator", "batchDataContributor", BATCH),
}
KIND = "Microsoft.Authorization/roleAssignments"
# Bearers, by what their principal id is read from.
PRINCIPALS = {
    "userAssignedIdentities/id-app-": "app",
    "userAssignedIdentities/id-node-": "nodes",
    "systemTopics/fanfare-storage": "system topic",
    "topics/fanfare-runs-": "topic",
    "00000000-0000-0000-0000-0000000000aa": "operator",
}
# Names that a deployment makes, in the words of the doctor.
MADE = {
    r"storageAccounts/st\w{13}": "storageAccounts/{storage}",
    r"batchAccounts/ba\w{13}": "batchAccounts/{batch}",
    r"topics/fanfare-runs-\w{13}": "topics/*",
    r"components/appi-\w{13}": "components/*",
}
# Only a deployment knows its vaults; a run that one refuses a secret says so.
UNKNOWN_TO_THE_DOCTOR = {"keyVaultSecretsUser"}


def bearer(assignment):
    principal = assignment["properties"]["principalId"]
    (found,) = [name for part, name in PRINCIPALS.items() if part in principal]
    return found


def role(assignment):
    guid = assignment["properties"]["roleDefinitionId"].rpartition("/")[2]
    (name,) = [n for n, g in BUILT_IN.items() if g == guid and n != "queueMessageSender"]
    return name


def scope(assignment):
    place = assignment["id"].removeprefix("[extensionResourceId('").split("'")[0]
    place = place.split("/providers/Microsoft.Authorization/")[0].split("/providers/", 1)[1]
    for made, word in MADE.items():
        place = re.sub(made, word, place)
    return place


def granted(variant="all"):
    return [(bearer(each), role(each), scope(each)) for each in resources(KIND, variant)]


def test_every_guid_is_the_role_that_its_name_says():
    variables = {
        name: value
        for part in parts()
        for name, value in part.get("variables", {}).items()
        if name in BUILT_IN
    }
    assert variables == BUILT_IN


def test_no_guid_is_written_anywhere_else():
    shape = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
    found = {guid for path in FILES for guid in shape.findall(path.read_text("utf-8"))}
    assert found == set(BUILT_IN.values())


def test_roles_are_granted_as_the_table_says_each_once():
    assert sorted(granted()) == sorted(GRANTED)


def test_without_an_operator_and_subscribers_nobody_has_their_roles():
    own = {(who, what, where) for who, what, where in GRANTED if "{" in where or "*" in where}
    assert set(granted("public")) == {grant for grant in own if grant[0] != "operator"}


def test_every_assignment_is_named_by_its_scope_its_bearer_and_its_role():
    """The same three make the same name, so that a second deployment finds its assignment."""
    for path in FILES:
        for block in re.split(r"(?m)^resource ", path.read_text("utf-8"))[1:]:
            if KIND in block.split("\n")[0]:
                (who,) = re.findall(r"\n\s+principalId: (\w+)\n", block)
                (what,) = re.findall(r"'Microsoft.Authorization/roleDefinitions', (\w+)\)", block)
                assert re.search(rf"\n\s+name: guid\([\w.\[\]]+, {who}, {what}\)\n", block), block


def test_every_assignment_has_a_reason_above_it():
    for path in FILES:
        lines = path.read_text("utf-8").splitlines()
        for above, line in pairwise(["", *lines]):
            assert f"'{KIND}@" not in line or above.startswith("// "), (path.name, line)


BEARERS = {"app": Bearer.APP, "system topic": Bearer.EVENTS}


def test_the_doctor_asks_for_the_roles_that_the_deployment_assigns_where_it_assigns_them():
    assigned = {
        (BEARERS[who], BUILT_IN[what], where)
        for who, what, where in GRANTED
        if who in BEARERS and what not in UNKNOWN_TO_THE_DOCTOR
    }
    assert assigned == {(b, what, place) for b, needs in NEEDED.items() for what, place in needs}
