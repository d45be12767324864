"""The errors of a resize that falls short, in codes and words of the service, one for each kind of
nodes."""

import json
from collections.abc import Mapping

from emulators.batch.document import Doc

CAPACITY, TIMEOUT, STOPPED = "AllocationFailed", "AllocationTimedout", "ResizeStopped"
_QUOTA: Mapping[bool, str] = {
    True: "AccountCoreQuotaReached",
    False: "AccountLowPriorityCoreQuotaReached",
}
_SHORT = "Desired number of {kind} nodes could not be allocated"
_WORDS: Mapping[str, str] = {
    TIMEOUT: f"{_SHORT} as the resize timeout was reached",
    STOPPED: "The resize was stopped",
    "AccountCoreQuotaReached": "The specified account has reached core quota",
    "AccountLowPriorityCoreQuotaReached": (
        "The specified account has reached low priority core quota"
    ),
    "AccountSpotCoreQuotaReached": "The specified account has reached spot core quota",
}
_KINDS: Mapping[bool, str] = {True: "dedicated", False: "low priority"}
# Batch passes on the answer of the service that provides machines.
_NO_MACHINES = {
    "error": {
        "code": "AllocationFailed",
        "message": "Allocation failed. We do not have sufficient capacity for the requested VM "
        "size in this region.",
    }
}
_PROVIDER = {
    "Provider Error Json": json.dumps(_NO_MACHINES),
    "Provider Error Json Truncated": "False",
}


def resize_error(code: str, *, dedicated: bool = True) -> Doc:
    """Build the error of one kind of nodes."""
    words = _WORDS.get(code, _SHORT).format(kind=_KINDS[dedicated])
    error: Doc = {"code": code, "message": words}
    if code == CAPACITY:
        error["values"] = [{"name": name, "value": value} for name, value in _PROVIDER.items()]
    return error


def quota_error(*, dedicated: bool) -> Doc:
    """Build the error of a kind of nodes that has reached its core quota."""
    return resize_error(_QUOTA[dedicated], dedicated=dedicated)
