"""Judges whether the deployment's identities hold the roles that `infra/` gives them, and where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.domain.health.findings import Deployment, Finding, Level
from pipeline.domain.waiting.remedies import BY_HAND


class Bearer(StrEnum):
    """The identities that hold roles in a deployment, besides its user."""

    APP = "the app"
    NODES = "the nodes"
    EVENTS = "the system topic"


class Role(StrEnum):
    """A role, by the id of its definition."""

    BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
    QUEUE_CONTRIBUTOR = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
    QUEUE_SENDER = "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a"
    TABLE_CONTRIBUTOR = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
    EVENT_SENDER = "d5a91429-5739-47e2-a06b-3470a27159e7"
    BATCH_CONTRIBUTOR = "6aaa78f1-f7de-44ca-8722-c64a23943cae"
    METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"


NAMES = {
    Role.BLOB_OWNER: "Storage Blob Data Owner",
    Role.BLOB_CONTRIBUTOR: "Storage Blob Data Contributor",
    Role.BLOB_READER: "Storage Blob Data Reader",
    Role.QUEUE_CONTRIBUTOR: "Storage Queue Data Contributor",
    Role.QUEUE_SENDER: "Storage Queue Data Message Sender",
    Role.TABLE_CONTRIBUTOR: "Storage Table Data Contributor",
    Role.EVENT_SENDER: "EventGrid Data Sender",
    Role.BATCH_CONTRIBUTOR: "Azure Batch Data Contributor",
    Role.METRICS_PUBLISHER: "Monitoring Metrics Publisher",
}
# Roles that include another one.
_WIDER = {
    Role.BLOB_CONTRIBUTOR: (Role.BLOB_OWNER,),
    Role.QUEUE_SENDER: (Role.QUEUE_CONTRIBUTOR,),
}
_DATA = frozenset(NAMES) - {Role.METRICS_PUBLISHER}
# The targets of roles, below the resource group; {…} is a name of the deployment, * any name.
ACCOUNT = "Microsoft.Storage/storageAccounts/{storage}"
BATCH = "Microsoft.Batch/batchAccounts/{batch}"
TOPIC = "Microsoft.EventGrid/topics/*"
INSIGHTS = "Microsoft.Insights/components/*"
_CONTAINER = f"{ACCOUNT}/blobServices/default/containers/"
_QUEUE = f"{ACCOUNT}/queueServices/default/queues/"
NEEDED: Mapping[Bearer, Sequence[tuple[Role, str]]] = {
    Bearer.APP: (
        (Role.BLOB_OWNER, ACCOUNT),
        (Role.QUEUE_CONTRIBUTOR, ACCOUNT),
        (Role.TABLE_CONTRIBUTOR, ACCOUNT),
        (Role.EVENT_SENDER, TOPIC),
        (Role.BATCH_CONTRIBUTOR, BATCH),
        (Role.METRICS_PUBLISHER, INSIGHTS),
    ),
    Bearer.NODES: (),
    Bearer.EVENTS: (
        *((Role.QUEUE_SENDER, _QUEUE + name) for name in ("blob-events", "receipts")),
        (Role.BLOB_CONTRIBUTOR, f"{_CONTAINER}dead-letter"),
    ),
}
_WHY = {
    Bearer.APP: "the app's calls are refused with 403",
    Bearer.NODES: "nodes cannot log in at the registry of their images",
    Bearer.EVENTS: "events do not reach their queue, or undeliverable events are lost",
}


@dataclass(frozen=True)
class Assignment:
    """A role that an identity holds, and its scope."""

    role: str
    scope: str


def roles(
    bearer: Bearer, assigned: Sequence[Assignment] | None, where: Deployment
) -> list[Finding]:
    """Judge the roles of one identity; None means that there is no such identity."""
    check = f"roles of {bearer}"
    if assigned is None:
        why = _WHY[bearer]
        return [
            Finding(
                check,
                Level.FAULT,
                "the identity of this deployment is missing",
                why,
                "azd provision",
            )
        ]
    if bearer is Bearer.NODES:
        return [_nodes(check, assigned)]
    gone = [need for need in NEEDED[bearer] if not _held(*need, assigned, where)]
    if not gone:
        return [Finding(check, Level.OK, f"all {len(NEEDED[bearer])} are assigned")]
    why = f"{_WHY[bearer]}; a new role takes some minutes to work"
    what = f"missing: {', '.join(_shown(role, target) for role, target in gone)}"
    return [Finding(check, Level.FAULT, what, why, "azd provision")]


def _nodes(check: str, assigned: Sequence[Assignment]) -> Finding:
    """Judge that nodes have no role on data: every program of a pool has those of its identity.

    Releases before 0.2 assigned some, and a deployment takes no assignment away.
    """
    held = [one for one in assigned if one.role in _DATA]
    if not held:
        return Finding(check, Level.OK, "none on data, as it should be")
    what = f"they hold: {', '.join(f'{NAMES[Role(one.role)]} on {one.scope}' for one in held)}"
    why = "every program on a node may use them; nodes need none, once older runs are over"
    remedy = f"{BY_HAND}remove these role assignments in the portal (Access control of the account)"
    return Finding(check, Level.FAULT, what, why, remedy)


def _held(role: Role, target: str, assigned: Iterable[Assignment], where: Deployment) -> bool:
    enough = (role, *_WIDER.get(role, ()))
    group = f"/subscriptions/{where.subscription}/resourceGroups/{where.group}/providers/"
    place = group + target.format(storage=where.storage, batch=where.batch)
    return any(one.role in enough and _covers(one.scope, place) for one in assigned)


def _covers(scope: str, place: str) -> bool:
    """Return whether an assignment at a scope covers a place: the place itself, or above it."""
    if not scope.lower().startswith("/subscriptions/"):
        return True  # the tenant, or a management group: listed only where it is inherited
    parts, wanted = (path.lower().strip("/").split("/") for path in (scope, place))
    pairs = zip(parts, wanted, strict=False)
    return len(parts) <= len(wanted) and all(b in (a, "*") for a, b in pairs)


def _shown(role: Role, target: str) -> str:
    name = target.rpartition("/")[2]
    return NAMES[role] if name.startswith(("{", "*")) else f"{NAMES[role]} on {name}"
