"""Says which properties a filter of each list may use, and with which operators.

S: startswith and all comparisons. T: all comparisons. E: eq and ne. The property decides the type
of the literal: moment, number, boolean or text.
"""

from collections.abc import Mapping

type Filterable = Mapping[str, str]

_MOMENTS = ("Time", "lastModified", "doNotRunUntil", "doNotRunAfter")


def _step(path: str) -> dict[str, str]:
    times = {f"{path}/{name}": "T" for name in ("startTime", "endTime", "exitCode")}
    return {f"{path}/state": "E", f"{path}/result": "E", **times}


_COMMON = {
    "id": "S",
    "state": "E",
    "stateTransitionTime": "T",
    "creationTime": "T",
    "lastModified": "T",
}
_SPAN = {"executionInfo/startTime": "T", "executionInfo/endTime": "T"}
NONE: Filterable = {}
TASKS: Filterable = {
    **_COMMON,
    **_SPAN,
    "lastModifiedTime": "T",
    "executionInfo/exitCode": "T",
    "executionInfo/result": "E",
}
JOBS: Filterable = {**_COMMON, **_SPAN, "executionInfo/poolId": "S"}
JOBS_OF_SCHEDULE: Filterable = {name: kind for name, kind in JOBS.items() if name != "id"}
SCHEDULES: Filterable = {
    **_COMMON,
    "executionInfo/endTime": "T",
    "schedule/doNotRunUntil": "T",
    "schedule/doNotRunAfter": "T",
}
POOLS: Filterable = {
    **_COMMON,
    "allocationState": "E",
    "allocationStateTransitionTime": "T",
    "enableAutoScale": "E",
    "vmSize": "E",
    "enableInterNodeCommunication": "E",
}
NODES: Filterable = {
    "id": "S",
    "state": "E",
    "stateTransitionTime": "T",
    "lastBootTime": "T",
    "allocationTime": "T",
    **_step("startTaskInfo"),
}
PREPARATION: Filterable = {
    "poolId": "E",
    "nodeId": "E",
    **_step("jobPreparationTaskExecutionInfo"),
    **_step("jobReleaseTaskExecutionInfo"),
}
NODE_COUNTS: Filterable = {"poolId": "E"}
USAGE: Filterable = {"poolId": "E"}
FILES: Filterable = {"name": "S"}
IMAGES: Filterable = {"osType": "E", "verificationType": "E", "nodeAgentSKUId": "E"}


def type_of(name: str) -> str:
    """Return what a property holds: a moment, a number, a boolean or text."""
    if name.endswith(_MOMENTS):
        return "moment"
    if name.endswith("exitCode"):
        return "number"
    return "truth" if name.startswith("enable") else "text"
