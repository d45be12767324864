"""The names that the service defines, and the spellings that mean the same name."""

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
# Formulas use these as plain numbers as often as they sample them.
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
    """Tells which spellings mean one name: exact ones, or all regardless of case."""

    def __init__(self, dialect: Dialect) -> None:
        self._sensitive = dialect.case_sensitive
        self._known = {} if self._sensitive else {name.lower(): name for name in _ALL}

    def of(self, name: str) -> str:
        """Return the service's spelling of a name, or else the spelling that the formula used
        first."""
        return name if self._sensitive else self._known.setdefault(name.lower(), name)
