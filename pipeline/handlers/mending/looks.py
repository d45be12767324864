"""Spares Batch questions whose answer is known: a sweep asks once, and not about runs that move."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import cast

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting.reports import TaskEnd, Unconfirmed
from pipeline.handlers.engine import Engine
from pipeline.ledger import index, progress
from pipeline.ledger.index import ActiveEntry
from pipeline.ports.batch import Cluster

SELDOM = timedelta(minutes=10)


def needed(engine: Engine, run: Run, entry: ActiveEntry) -> ActiveEntry | None:
    """Return the run's row of the index if the sweep should look at the run, or None if it moves.

    A run moves if receipts came since the last sweep. A receipt or node that is lost shows when it
    stops, or at the next look, after ten minutes.
    """
    late = run.deadline is not None and engine.now > run.deadline
    if run.state is not State.RUNNING or run.plan is None or late:
        return entry
    tables = engine.ports.tables
    done = progress.union(tables, run.id, run.generation, "tasks").count()
    seen, looked = entry.seen
    if seen == done and looked and engine.now - looked < SELDOM:
        return entry
    if seen < done < run.plan.tasks and looked and engine.now - looked < SELDOM:
        index.note_seen(tables, entry, done, looked)
        return None
    return index.note_seen(tables, entry, done, engine.now)


def once(engine: Engine) -> Engine:
    """Return the engine of one sweep, for which Batch reports each job and pool once."""
    cluster = cast(Cluster, _Once(engine.ports.cluster))
    return replace(engine, ports=replace(engine.ports, cluster=cluster))


def anew(engine: Engine) -> Engine:
    """Return the engine for which Batch reports as it is now, for decisions after a change."""
    cluster = engine.ports.cluster
    if not isinstance(cluster, _Once):
        return engine
    return replace(engine, ports=replace(engine.ports, cluster=cluster.present))


def reported_once(engine: Engine, job: str) -> Engine:
    """Return an engine for which Batch lists the tasks of a job once, for all looks at them.

    Other jobs are listed each time: to those of further executions the looks themselves add tasks.
    """
    cluster = cast(Cluster, _Lists(engine.ports.cluster, job))
    return replace(engine, ports=replace(engine.ports, cluster=cluster))


class _Lists:
    """The lists of a job's tasks, as they were at the first look."""

    def __init__(self, cluster: Cluster, job: str) -> None:
        self._cluster, self._job = cluster, job
        self._unconfirmed = cache(cluster.unconfirmed)
        self._failures: list[TaskEnd] | None = None
        self._ends: list[TaskEnd] | None = None

    def unconfirmed(self, job: str) -> Unconfirmed:
        return (self._unconfirmed if job == self._job else self._cluster.unconfirmed)(job)

    def failures(self, job: str, ended_before: datetime) -> Iterator[TaskEnd]:
        if job != self._job:
            return self._cluster.failures(job, ended_before)
        if self._failures is None:
            self._failures = list(self._cluster.failures(job, ended_before))
        return iter(self._failures)

    def ends(self, job: str, since: datetime | None = None) -> Iterator[TaskEnd]:
        if since is not None or job != self._job:
            return self._cluster.ends(job, since)
        if self._ends is None:
            self._ends = list(self._cluster.ends(job))
        return iter(self._ends)

    def __getattr__(self, name: str) -> object:
        return getattr(self._cluster, name)


class _Once:
    """Batch as one sweep sees it."""

    def __init__(self, cluster: Cluster) -> None:
        self.present = cluster
        self.job, self.pool = cache(cluster.job), cache(cluster.pool)

    def __getattr__(self, name: str) -> object:
        return getattr(self.present, name)
