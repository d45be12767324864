"""The service's own names, and which spellings of them mean the same."""

from collections.abc import Mapping

from emulators.batch.autoscale import functions, series
from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.autoscale.values import INTERVALS, MEMBERS, YEAR

DEDICATED, SPOT, OPTION = (
    "$TargetDedicatedNodes",
    "$TargetLowPriorityNodes",
    "$NodeDeallocationOption",
)
TARGET_ALIASES: Mapping[str, str] = {
    "$TargetDedicated": DEDICATED,
    "$TargetLowPriority": SPOT,
    "$TVMDeallocationOption": OPTION,
}
OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
# These are as often used as plain numbers as they are sampled.
PLAIN = frozenset({"$CurrentDedicatedNodes", "$CurrentLowPriorityNodes", "$TaskSlotsPerNode"})
SAMPLED = PLAIN | {
    "$CPUPercent",
    "$ActiveTasks",
    "$RunningTasks",
    "$PendingTasks",
    "$SucceededTasks",
    "$FailedTasks",
    "$PreemptedNodeCount",
    "$UsableNodeCount",
    "$SampleNodeCount",
    "$WallClockSeconds",
    "$MemoryBytes",
    "$DiskBytes",
    "$DiskReadBytes",
    "$DiskWriteBytes",
    "$DiskReadOps",
    "$DiskWriteOps",
    "$NetworkInBytes",
    "$NetworkOutBytes",
}
SAMPLED_ALIASES: Mapping[str, str] = {
    "$SampleTVMCount": "$SampleNodeCount",
    "$CurrentDedicated": "$CurrentDedicatedNodes",
}
READ_ONLY = SAMPLED | SAMPLED_ALIASES.keys()
_ALL = {
    DEDICATED,
    SPOT,
    OPTION,
    YEAR,
    *TARGET_ALIASES,
    *OPTIONS,
    *READ_ONLY,
    *INTERVALS,
    *MEMBERS,
    *functions.NAMES,
    *series.METHODS,
}


class Spellings:
    """Tells which names are one: all as written, or without regard to case."""

    def __init__(self, dialect: Dialect) -> None:
        self._sensitive = dialect.case_sensitive
        self._known = {} if self._sensitive else {name.lower(): name for name in _ALL}

    def of(self, name: str) -> str:
        """Return the name as the service, or else the formula's first use, spells it."""
        return name if self._sensitive else self._known.setdefault(name.lower(), name)
