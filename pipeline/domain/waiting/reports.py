"""Batch's reports about tasks, jobs and pools, as values for decisions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self


@dataclass(frozen=True)
class TaskEnd:
    """A completed task, and why it failed; `code` is "" for a success."""

    task: str
    ended_at: datetime
    code: str
    category: str
    message: str
    exit_code: int | None
    started_at: datetime | None = None
    node: str = ""

    @property
    def seconds(self) -> float:
        """How long its last execution took, with the pull of its image."""
        return (self.ended_at - self.started_at).total_seconds() if self.started_at else 0.0


@dataclass(frozen=True)
class Unconfirmed:
    """The tasks of a job that Batch does not report as succeeded.

    `open` have not completed; `failed` have, by id.
    """

    open: frozenset[str] = frozenset()
    failed: Mapping[str, TaskEnd] = field(default_factory=dict)


@dataclass(frozen=True)
class Trouble:
    """An error that Batch keeps about a node, a resize or an evaluation; `node` if it has one."""

    code: str
    message: str
    node: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


@dataclass(frozen=True)
class Preparation:
    """A job's preparation of nodes: what failed, and on how many nodes it runs since when.

    `failures` counts the nodes where it failed, and `failed_at` is when the last of them failed.
    """

    failed: Trouble | None = None
    running: int = 0
    since: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None


@dataclass(frozen=True)
class JobReport:
    """Batch's report about a job; state "" means that the job does not exist.

    Batch counts a task as running while its node is still prepared for the job. `pool` is the id of
    the pool that it works on.
    """

    state: str
    active: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    preparation: Preparation = Preparation()
    pool: str = ""

    @property
    def total(self) -> int:
        """How many tasks the job has."""
        return self.active + self.running + self.succeeded + self.failed

    @classmethod
    def of_all(cls, reports: Iterable[Self]) -> Self:
        """Combine the reports of a run's jobs into one; jobs that do not exist are ignored.

        The tasks left in a job that is over wait for nothing there while another job works.
        """
        there = [report for report in reports if report.state]
        if not there:
            return cls("")
        working = [r for r in there if r.state == "active"] or there
        worst = next((r for r in working if r.preparation.failed), working[-1])
        return replace(
            worst,
            state=working[0].state,
            active=sum(r.active for r in working),
            running=sum(r.running for r in there),
            succeeded=sum(r.succeeded for r in there),
            failed=sum(r.failed for r in there),
        )


@dataclass(frozen=True)
class NodeCounts:
    """How many nodes of a pool are in each state; preempted spot nodes are counted apart."""

    idle: int = 0
    running: int = 0
    starting: int = 0
    start_task_failed: int = 0
    unusable: int = 0
    preempted: int = 0

    @property
    def usable(self) -> int:
        """How many nodes can take tasks."""
        return self.idle + self.running


@dataclass(frozen=True)
class PoolReport:
    """Batch's report about a pool; state "" means that the pool does not exist.

    `since` is when its allocation last changed. Batch keeps resize errors until the next resize.
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
    autoscales: bool = True

    @property
    def resize_error(self) -> Trouble | None:
        """The first error of the last resize, as long as it is current.

        It is outdated while the pool resizes, and once the pool has the nodes that it wants.
        """
        current = self.allocation == "steady" and self.nodes < self.target_nodes
        return self.resize_errors[0] if current and self.resize_errors else None
