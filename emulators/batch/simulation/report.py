"""Sums up what a simulated run cost and how long its tasks waited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from emulators.batch.document import parse_stamp
from emulators.batch.model.job import Job
from emulators.batch.model.states import TaskState
from emulators.batch.model.task import Task
from emulators.batch.service.context import Context

_PERIOD_S = 10.0
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one job: times in seconds, node-hours of its pool since the beginning.

    `utilisation` is the share of the pool's slots, over the whole lives of its nodes, that ran
    tasks of the job. `waits_s` holds the median, the 95th percentile and the maximum from creation
    to start.
    """

    tasks: int
    succeeded: int
    makespan_s: float
    node_hours: float
    utilisation: float
    most_nodes: int
    waits_s: tuple[float, float, float]


class Observer:
    """Counts the nodes of every pool, every ten emulated seconds."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.began = ctx.clock.seconds()
        self._node_seconds: dict[str, float] = {}
        self._most_nodes: dict[str, int] = {}
        ctx.clock.after(_PERIOD_S, self._look)

    def _look(self) -> None:
        for key, pool in self._ctx.account.pools.items():
            nodes = len(pool.nodes)
            self._node_seconds[key] = self._node_seconds.get(key, 0.0) + nodes * _PERIOD_S
            self._most_nodes[key] = max(self._most_nodes.get(key, 0), nodes)
        self._ctx.clock.after(_PERIOD_S, self._look)

    def report(self, job: Job) -> Report:
        """Sum up a job and its pool."""
        key = job.pool_id.lower()
        pool, done = self._ctx.account.pool(key), list[Task]()
        done += [task for task in job.tasks.values() if task.state is TaskState.COMPLETED]
        spans = [(_moment(task, "startTime"), _moment(task, "endTime")) for task in done]
        busy = sum(
            (end - start).total_seconds() * task.slots
            for task, (start, end) in zip(done, spans, strict=True)
        )
        created = parse_stamp(job.created)
        last = max((end for _, end in spans), default=created)
        waits = sorted(
            (start - parse_stamp(task.created)).total_seconds()
            for task, (start, _) in zip(done, spans, strict=True)
        )
        node_seconds = self._node_seconds.get(key, 0.0)
        return Report(
            tasks=len(job.tasks),
            succeeded=job.counts["succeeded"],
            makespan_s=(last - created).total_seconds(),
            node_hours=node_seconds / _HOUR_S,
            utilisation=busy / (node_seconds * pool.slots) if node_seconds else 0.0,
            most_nodes=self._most_nodes.get(key, 0),
            waits_s=(_share(waits, 0.5), _share(waits, 0.95), _share(waits, 1.0)),
        )


def _moment(task: Task, name: str) -> datetime:
    return parse_stamp(task.execution[name])


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
