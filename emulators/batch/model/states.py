"""The states of every resource and the moves between them, as literal tables; other moves raise."""

from collections.abc import Mapping
from enum import StrEnum


class IllegalMove(Exception):
    """The table has no such move for this resource."""


class PoolState(StrEnum):
    """Whether a pool exists or is being deleted."""

    ACTIVE = "active"
    DELETING = "deleting"


class Allocation(StrEnum):
    """Whether the size of a pool is changing."""

    STEADY = "steady"
    RESIZING = "resizing"
    STOPPING = "stopping"


class JobState(StrEnum):
    """The life of a job."""

    ACTIVE = "active"
    DISABLING = "disabling"
    DISABLED = "disabled"
    ENABLING = "enabling"
    TERMINATING = "terminating"
    COMPLETED = "completed"
    DELETING = "deleting"


class ScheduleState(StrEnum):
    """The life of a job schedule."""

    ACTIVE = "active"
    DISABLED = "disabled"
    TERMINATING = "terminating"
    COMPLETED = "completed"
    DELETING = "deleting"


class TaskState(StrEnum):
    """The life of a task."""

    ACTIVE = "active"
    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETED = "completed"


class NodeState(StrEnum):
    """The life of a node."""

    CREATING = "creating"
    STARTING = "starting"
    WAITING_FOR_START_TASK = "waitingforstarttask"
    START_TASK_FAILED = "starttaskfailed"
    IDLE = "idle"
    RUNNING = "running"
    REBOOTING = "rebooting"
    REIMAGING = "reimaging"
    UNUSABLE = "unusable"
    UNKNOWN = "unknown"
    OFFLINE = "offline"
    PREEMPTED = "preempted"
    LEAVING_POOL = "leavingpool"
    DEALLOCATING = "deallocating"
    DEALLOCATED = "deallocated"


P, A, J, S = PoolState, Allocation, JobState, ScheduleState
T, N = TaskState, NodeState
_READY = {N.IDLE, N.RUNNING}
_GOING = {N.LEAVING_POOL, N.PREEMPTED, N.UNUSABLE}
_RESTARTING = {N.REBOOTING, N.REIMAGING, N.DEALLOCATING}

MOVES: Mapping[type[StrEnum], Mapping[StrEnum, set[StrEnum]]] = {
    PoolState: {
        P.ACTIVE: {P.DELETING},
        P.DELETING: set(),
    },
    Allocation: {
        A.STEADY: {A.RESIZING},
        A.RESIZING: {A.STEADY, A.STOPPING},
        A.STOPPING: {A.STEADY},
    },
    JobState: {
        J.ACTIVE: {J.DISABLING, J.TERMINATING, J.DELETING},
        J.DISABLING: {J.DISABLED, J.ENABLING, J.TERMINATING, J.DELETING},
        J.DISABLED: {J.ENABLING, J.DISABLING, J.TERMINATING, J.DELETING},
        J.ENABLING: {J.ACTIVE, J.TERMINATING, J.DELETING},
        J.TERMINATING: {J.COMPLETED, J.DELETING},
        J.COMPLETED: {J.DELETING},
        J.DELETING: set(),
    },
    ScheduleState: {
        S.ACTIVE: {S.DISABLED, S.TERMINATING, S.COMPLETED, S.DELETING},
        S.DISABLED: {S.ACTIVE, S.TERMINATING, S.COMPLETED, S.DELETING},
        S.TERMINATING: {S.COMPLETED, S.DELETING},
        S.COMPLETED: {S.DELETING},
        S.DELETING: set(),
    },
    TaskState: {
        T.ACTIVE: {T.PREPARING, T.RUNNING, T.COMPLETED},
        T.PREPARING: {T.ACTIVE, T.RUNNING, T.COMPLETED},
        T.RUNNING: {T.ACTIVE, T.COMPLETED},
        T.COMPLETED: {T.ACTIVE},
    },
    NodeState: {
        N.CREATING: {N.STARTING, *_GOING},
        N.STARTING: {N.WAITING_FOR_START_TASK, N.IDLE, *_GOING},
        N.WAITING_FOR_START_TASK: {N.IDLE, N.START_TASK_FAILED, *_RESTARTING, *_GOING},
        N.START_TASK_FAILED: {*_RESTARTING, *_GOING},
        N.IDLE: {N.RUNNING, N.OFFLINE, *_RESTARTING, *_GOING},
        N.RUNNING: {N.IDLE, N.OFFLINE, *_RESTARTING, *_GOING},
        N.REBOOTING: {N.STARTING, *_GOING},
        N.REIMAGING: {N.STARTING, *_GOING},
        N.DEALLOCATING: {N.DEALLOCATED, *_GOING},
        N.DEALLOCATED: {N.STARTING, *_GOING},
        N.OFFLINE: {*_READY, *_GOING},
        N.UNUSABLE: {*_RESTARTING, N.LEAVING_POOL, N.PREEMPTED, N.IDLE},
        N.UNKNOWN: {*_READY, *_GOING},
        N.PREEMPTED: {N.CREATING, N.LEAVING_POOL},
        N.LEAVING_POOL: set(),
    },
}


def check_move(current: StrEnum, target: StrEnum) -> None:
    """Raise IllegalMove unless the table has this move."""
    if target not in MOVES[type(current)][current]:
        raise IllegalMove(f"{type(current).__name__}: {current} cannot become {target}")
