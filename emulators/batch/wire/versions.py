"""Which api-versions are served, and what those in public review change.

A version in review is served only if the options say so. Source: Azure/azure-rest-api-specs,
specification/batch/data-plane/Batch/models.tsp, as read on 30 November 2026: 2026-08-01 as of
commit 5cc118a (pull request 44527), 2026-10-01 as of commit 0c0b196.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError, invalid
from emulators.batch.wire.call import Reply

# Requests and answers have kept their shape since nodes have task slots.
VERSIONS = frozenset(
    {
        "2020-09-01.12.0",
        "2021-06-01.14.0",
        "2022-01-01.15.0",
        "2022-10-01.16.0",
        "2023-05-01.17.0",
        "2023-11-01.18.0",
        "2024-02-01.19.0",
        "2024-07-01.20.0",
        "2025-06-01",
    }
)
_ADDRESSES = ("publicIPAddress", "publicIPv6Address")
_OPTIONS = (
    "nodeDeallocationOption",
    "nodeDeallocateOption",
    "nodeRebootOption",
    "nodeReimageOption",
)
_KEPT = ("requeue", "terminate", "taskcompletion")
_REMOVED_OPTION = "retaineddata"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a version in review changes beside what they share.

    `machine` and `pool` name new properties of a pool that this emulator lacks: those of its
    machine's configuration, and its own.
    """

    operations: frozenset[str] = frozenset()
    machine: tuple[str, ...] = ()
    pool: tuple[str, ...] = ("vmSkuProfile",)


IN_REVIEW: Mapping[str, Changes] = {
    "2026-08-01": Changes(),
    "2026-10-01": Changes(
        frozenset({"list_pool_usage_metrics"}),
        ("hardwareProfile", "placement", "resiliencyPolicy"),
    ),
}


def check_version(version: str, *, in_review: bool) -> None:
    """Refuse a version that is not served."""
    served = VERSIONS | (IN_REVIEW.keys() if in_review else set())
    if version in served:
        return
    reason = f"The versions served here are {', '.join(sorted(served))}."
    if version in IN_REVIEW:
        reason += " This one is in review: start the emulator with --versions-in-review."
    raise BatchError(
        "UnsupportedRequestVersion",
        QueryParameterName="api-version",
        QueryParameterValue=version[:200],
        Reason=reason,
    )


def check_operation(version: str, operation: str) -> None:
    """Refuse an operation that the version lacks, as a path that nothing serves."""
    changes = IN_REVIEW.get(version)
    if changes is not None and operation in changes.operations:
        raise BatchError("InvalidUri", status=404)


def check_body(version: str, body: Doc) -> None:
    """Refuse what the version no longer has, and what it adds but this emulator lacks (501)."""
    changes = IN_REVIEW.get(version)
    if changes is None:
        return
    for name in _OPTIONS:
        if str(body.get(name, "")).lower() == _REMOVED_OPTION:
            raise invalid(name, body[name], f"The value must be one of {', '.join(_KEPT)}.")
    machine = body.get("virtualMachineConfiguration")
    _lack(version, changes.pool, body)
    _lack(version, changes.machine, machine if isinstance(machine, dict) else {})


def _lack(version: str, names: tuple[str, ...], found: Doc) -> None:
    for name in names:
        if found.get(name) is not None:
            raise BatchError(
                "NotImplemented", f"{name} of api-version {version} is not implemented here."
            )


def added(version: str, model: str) -> frozenset[str]:
    """Return the properties that a version adds to a model of answers, in lower case."""
    known = version in IN_REVIEW and model == "BatchNode"
    return frozenset(name.lower() for name in _ADDRESSES) if known else frozenset()


def shown(version: str, model: str, reply: Reply) -> Reply:
    """Return the answer as the version shows it."""
    if reply.body is None or model not in ("BatchPool", "BatchNode"):
        return reply
    body = reply.body
    if "value" in body:
        return replace(reply, body={**body, "value": [_one(version, one) for one in body["value"]]})
    return replace(reply, body=_one(version, body))


def _one(version: str, document: Doc) -> Doc:
    if version not in IN_REVIEW:
        return {name: value for name, value in document.items() if name not in _ADDRESSES}
    if "stats" not in document:
        return document
    stats: Doc = document["stats"]
    kept = {name: value for name, value in stats.items() if name != "usageStats"}
    return {**document, "stats": kept}
