"""Which properties each list may be filtered by."""

_STEP = ("state", "result", "exitCode", "startTime", "endTime")
_COMMON = (
    "id",
    "state",
    "stateTransitionTime",
    "creationTime",
    "lastModified",
    "lastModifiedTime",
    "eTag",
)
TASKS = frozenset(
    (
        *_COMMON,
        "executionInfo/startTime",
        "executionInfo/endTime",
        "executionInfo/exitCode",
        "executionInfo/result",
    )
)
JOBS = frozenset(
    (*_COMMON, "executionInfo/startTime", "executionInfo/endTime", "executionInfo/poolId")
)
SCHEDULES = frozenset(
    (*_COMMON, "executionInfo/endTime", "schedule/doNotRunUntil", "schedule/doNotRunAfter")
)
POOLS = frozenset(
    (*_COMMON, "allocationState", "allocationStateTransitionTime", "enableAutoScale", "vmSize")
) | {"enableInterNodeCommunication"}
NODES = frozenset(
    (
        "id",
        "state",
        "stateTransitionTime",
        "lastBootTime",
        "allocationTime",
        *(f"startTaskInfo/{name}" for name in _STEP),
    )
)
PREPARATION = frozenset(
    (
        "poolId",
        "nodeId",
        *(f"jobPreparationTaskExecutionInfo/{name}" for name in _STEP),
        *(f"jobReleaseTaskExecutionInfo/{name}" for name in _STEP),
    )
)
NODE_COUNTS = frozenset(("poolId",))
FILES = frozenset(("name",))
IMAGES = frozenset(("osType", "verificationType", "nodeAgentSKUId"))
