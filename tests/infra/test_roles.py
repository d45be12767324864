"""Roles: GUIDs agree with a table, and each role has a reason and a scope below the group."""

import re

import pytest

from pipeline.domain.health.roles import ACCOUNT, BATCH, INSIGHTS, NEEDED, TOPIC, Bearer
from tests.infra.deployment import FILES, module, resources

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
# Which identity has which role on which target: all that the code needs, and nothing more.
GRANTED = {
    ("appPrincipalId", "blobDataOwner", "account"),
    ("appPrincipalId", "queueDataContributor", "account"),
    ("appPrincipalId", "tableDataContributor", "account"),
    ("appPrincipalId", "eventGridDataSender", "topic"),
    ("appPrincipalId", "monitoringMetricsPublisher", "insights"),
    ("appPrincipalId", "batchDataContributor", "account"),
    ("batchPrincipalId", "blobDataContributor", "account"),
    ("systemTopicPrincipalId", "queueDataMessageSender", "eventQueues[index]"),
    ("systemTopicPrincipalId", "blobDataContributor", "deadLetters"),
    ("principalId", "blobDataContributor", "account"),
    ("principalId", "queueDataContributor", "account"),
    ("principalId", "tableDataContributor", "account"),
    ("principalId", "batchDataContributor", "account"),
    ("topicPrincipalId", "queueMessageSender", "account"),
    ("topicPrincipalId", "serviceBusDataSender", "busQueue"),
    ("topicPrincipalId", "eventHubsDataSender", "hub"),
    ("appPrincipalId", "keyVaultSecretsUser", "vault"),
}
# Only a deployment knows its vaults; a run that one refuses a secret says so.
UNKNOWN_TO_THE_DOCTOR = {"keyVaultSecretsUser"}
ASSIGNMENTS = resources("Microsoft.Authorization/roleAssignments")


def test_every_guid_is_the_role_that_its_name_says():
    variables = {
        name: value
        for file in ("roles", "batch", "subscriber-role", "secrets-role")
        for name, value in module(file).variables.items()
        if isinstance(value, str)
    }
    assert variables == BUILT_IN


def test_no_guid_is_written_anywhere_else():
    shape = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
    found = {guid for path in FILES for guid in shape.findall(path.read_text("utf-8"))}
    assert found == set(BUILT_IN.values())


def test_roles_are_granted_as_the_table_says():
    granted = set()
    for assignment in ASSIGNMENTS:
        properties = assignment.body["properties"]
        (role,) = re.findall(r", (\w+)\)$", properties["roleDefinitionId"].text)
        granted.add((properties["principalId"].text, role, assignment.body["scope"].text))
    assert granted == GRANTED


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda found: found.symbol)
def test_every_assignment_has_a_name_of_its_own_and_a_reason(assignment):
    properties, name = assignment.body["properties"], assignment.body["name"].text
    role = re.findall(r", (\w+)\)$", properties["roleDefinitionId"].text)[0]
    assert name.endswith(f"{properties['principalId'].text}, {role})")
    (source,) = [
        p for p in FILES if f"resource {assignment.symbol} 'Microsoft.Auth" in p.read_text()
    ]
    lines = source.read_text("utf-8").splitlines()
    assert lines[assignment.line - 2].startswith("// ")


BEARERS = {
    "appPrincipalId": Bearer.APP,
    "batchPrincipalId": Bearer.BATCH,
    "systemTopicPrincipalId": Bearer.EVENTS,
}


def places(role, scope):
    """Return the targets of a role, in the words of the doctor."""
    given = module("roles").variables
    containers = f"{ACCOUNT}/blobServices/default/containers/"
    if scope == "account":
        return [BATCH if role == "batchDataContributor" else ACCOUNT]
    listed = {
        "topic": [TOPIC],
        "insights": [INSIGHTS],
        "deadLetters": [f"{containers}dead-letter"],
        "eventQueues[index]": [
            f"{ACCOUNT}/queueServices/default/queues/{name}" for name in given["deliveredQueues"]
        ],
    }
    return listed[scope]


def test_the_doctor_asks_for_the_roles_that_the_deployment_assigns_where_it_assigns_them():
    granted = {
        (BEARERS[who], BUILT_IN[role], place)
        for who, role, scope in GRANTED
        if who in BEARERS and role not in UNKNOWN_TO_THE_DOCTOR
        for place in places(role, scope)
    }
    assert granted == {(b, role, place) for b, needs in NEEDED.items() for role, place in needs}
