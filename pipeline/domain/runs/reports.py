"""What Batch says of tasks, jobs and pools, as values that decisions are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class TaskEnd:
    """How Batch saw a completed task that failed in its eyes."""

    task: str
    ended_at: datetime
    code: str
    category: str
    message: str
    exit_code: int | None


@dataclass(frozen=True)
class JobReport:
    """What Batch says of a job. state "" means there is no such job."""

    state: str
    active: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    preparation_error: str = ""


@dataclass(frozen=True)
class PoolReport:
    """What Batch says of a pool. state "" means there is no such pool."""

    state: str
    allocation: str = ""
    nodes: int = 0
    target_nodes: int = 0
    unusable_nodes: int = 0
    errors: Sequence[str] = ()
    formula: str = ""
