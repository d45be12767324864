"""What Batch says of tasks, jobs and pools, as values that decisions are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self


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
class Trouble:
    """An error that Batch keeps of a node, a resize or an evaluation; `node` where there is one."""

    code: str
    message: str
    node: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


@dataclass(frozen=True)
class Preparation:
    """How far the preparation of nodes for a job is: what failed, what runs since when."""

    failed: Trouble | None = None
    running: int = 0
    since: datetime | None = None


@dataclass(frozen=True)
class JobReport:
    """What Batch says of a job. state "" means there is no such job.

    Batch counts a task as running while its node is still prepared for the job.
    """

    state: str
    active: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    preparation: Preparation = Preparation()

    @property
    def total(self) -> int:
        """How many tasks the job has."""
        return self.active + self.running + self.succeeded + self.failed

    @classmethod
    def of_all(cls, reports: Iterable[Self]) -> Self:
        """Report several jobs of one run as one: those that do not exist count for nothing."""
        there = [report for report in reports if report.state]
        if not there:
            return cls("")
        worst = next((r for r in there if r.preparation.failed), there[-1])
        working = next((r for r in there if r.state == "active"), there[-1])
        return replace(
            worst,
            state=working.state,
            active=sum(r.active for r in there),
            running=sum(r.running for r in there),
            succeeded=sum(r.succeeded for r in there),
            failed=sum(r.failed for r in there),
        )


@dataclass(frozen=True)
class NodeCounts:
    """How many nodes of a pool are in which state; spot nodes that were preempted are apart."""

    idle: int = 0
    running: int = 0
    starting: int = 0
    start_task_failed: int = 0
    unusable: int = 0
    preempted: int = 0

    @property
    def usable(self) -> int:
        """How many can take tasks."""
        return self.idle + self.running


@dataclass(frozen=True)
class PoolReport:
    """What Batch says of a pool. state "" means there is no such pool.

    `since` is when its allocation changed last. Batch keeps resize errors until the next resize.
    """

    state: str
    allocation: str = ""
    nodes: int = 0
    target_nodes: int = 0
    counts: NodeCounts = NodeCounts()
    since: datetime | None = None
    resize_errors: Sequence[Trouble] = ()
    autoscale_error: Trouble | None = None
    node_error: Trouble | None = None
    formula: str = ""

    @property
    def resize_error(self) -> Trouble | None:
        """The first error of the last resize, as long as it is current.

        It is not while the pool resizes once more, nor when it has the nodes that it wants.
        """
        current = self.allocation == "steady" and self.nodes < self.target_nodes
        return self.resize_errors[0] if current and self.resize_errors else None
