"""Roles of the deployment's identities: which, on what scope, and which others suffice."""

import pytest

from pipeline.domain.health.findings import Deployment, Level
from pipeline.domain.health.roles import NEEDED, Assignment, Bearer, Role, roles

AZURE = Deployment("S", "rg-x", "bax", "stx", "func-x", "westeurope")
GROUP = "/subscriptions/s/resourcegroups/RG-X"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stx"
QUEUES = f"{ACCOUNT}/queueServices/default/queues"
CONTAINERS = f"{ACCOUNT}/blobServices/default/containers"
DEAD = Role.BLOB_CONTRIBUTOR
EVENTS = [
    Assignment(Role.QUEUE_SENDER, f"{QUEUES}/blob-events"),
    Assignment(Role.QUEUE_SENDER, f"{QUEUES}/receipts"),
    Assignment(DEAD, f"{CONTAINERS}/dead-letter"),
]


def judged(bearer, assigned):
    (found,) = roles(bearer, assigned, AZURE)
    return found


def test_roles_at_the_scopes_that_the_deployment_gives_are_enough():
    assert judged(Bearer.EVENTS, EVENTS).level is Level.OK


def test_a_missing_role_is_named_with_what_it_is_missing_on_and_what_then_happens():
    found = judged(Bearer.EVENTS, EVENTS[:1])
    assert found.level is Level.FAULT
    assert found.what == (
        "missing: Storage Queue Data Message Sender on receipts, "
        "Storage Blob Data Contributor on dead-letter"
    )
    assert "do not reach their queue" in found.why
    assert found.mend == "azd provision"


@pytest.mark.parametrize(
    "scope", [GROUP, "/subscriptions/s", ACCOUNT, "/", "/providers/Microsoft.Management/x"]
)
def test_a_role_at_a_wider_scope_is_as_good(scope):
    assert judged(Bearer.EVENTS, [*EVENTS[:2], Assignment(DEAD, scope)]).level is Level.OK


@pytest.mark.parametrize(
    "scope",
    [f"{ACCOUNT}y", f"{CONTAINERS}/dead-letter/x", "/subscriptions/s2", f"{GROUP}-2"],
)
def test_a_role_elsewhere_or_at_a_narrower_scope_is_not(scope):
    assert judged(Bearer.EVENTS, [*EVENTS[:2], Assignment(DEAD, scope)]).level is Level.FAULT


def test_a_role_that_allows_more_is_as_good():
    owner = Assignment(Role.BLOB_OWNER, ACCOUNT)
    assert judged(Bearer.EVENTS, [*EVENTS[:2], owner]).level is Level.OK


def test_a_role_that_nodes_still_hold_on_data_is_a_fault():
    assert judged(Bearer.NODES, []).level is Level.OK
    found = judged(Bearer.NODES, [Assignment(Role.BLOB_READER, ACCOUNT)])
    assert found.level is Level.FAULT
    assert "Storage Blob Data Reader" in found.what


def test_a_role_on_a_resource_whose_name_nobody_knows_is_found_by_its_type():
    assigned = [Assignment(role, GROUP) for role, _ in NEEDED[Bearer.APP]]
    topics = f"{GROUP}/providers/Microsoft.EventGrid"
    others = [one for one in assigned if one.role != Role.EVENT_SENDER]
    on_topic = [*others, Assignment(Role.EVENT_SENDER, f"{topics}/topics/runs-1")]
    on_system = [*others, Assignment(Role.EVENT_SENDER, f"{topics}/systemTopics/runs-1")]
    assert judged(Bearer.APP, on_topic).level is Level.OK
    assert judged(Bearer.APP, on_system).what == "missing: EventGrid Data Sender"


@pytest.mark.parametrize("bearer", Bearer)
def test_an_identity_that_is_gone_is_reported(bearer):
    found = judged(bearer, None)
    assert (found.level, found.mend) == (Level.FAULT, "azd provision")
    assert found.check == f"roles of {bearer}"
