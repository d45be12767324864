"""Azure Batch in memory: jobs with a quota, tasks that somebody runs and ends, pools with formulas.

It starts nothing itself: who owns it takes the tasks that wait, and says how they ended.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pipeline.domain.waiting.reports import (
    JobReport,
    NodeCounts,
    PoolReport,
    Preparation,
    TaskEnd,
    Unconfirmed,
)
from pipeline.errors import JobGone, NotFound, Permanent, QuotaReached, Transient
from pipeline.ports.batch import FilePart, JobSpec, TaskSpec
from pipeline.ports.world import Clock

BETWEEN_FORMULAS = timedelta(seconds=30)
UNPREPARED = Preparation()
PART = 1 << 20  # bytes that one read returns
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Outcome:
    """How a task ended: the exit code of its command, or why Batch could not run or upload it."""

    exit_code: int | None = 0
    code: str = ""
    category: str = ""
    message: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether Batch calls this a success."""
        return self.exit_code == 0 and not self.code


@dataclass
class MemoryTask:
    """A task and its state: active, running or completed."""

    spec: TaskSpec
    state: str = "active"
    outcome: Outcome | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    executions: int = 0


@dataclass
class MemoryJob:
    """A job, its tasks, and its state."""

    spec: JobSpec
    created_at: datetime
    state: str = "active"
    closing: bool = False
    ended_at: datetime | None = None
    preparation: Preparation = UNPREPARED
    tasks: dict[str, MemoryTask] = field(default_factory=dict)


class MemoryBatch:
    """The Batch account: the jobs port and the cluster port in one object."""

    def __init__(self, clock: Clock, quota: int = 100) -> None:
        self._clock = clock
        self._pushed_at: dict[str, datetime] = {}
        self.quota = quota
        self.jobs: dict[str, MemoryJob] = {}
        self.pools: dict[str, PoolReport] = {}
        self.words: dict[tuple[str, str, str], str] = {}
        self.files: dict[tuple[str, str, str], bytes] = {}

    def create(self, spec: JobSpec) -> None:
        """Create the job; an existing one is fine. Raises QuotaReached."""
        _check_id(spec.id)
        if self._find(spec.id):
            return
        active = sum(1 for job in list(self.jobs) if self._live(job))
        if active >= self.quota:
            raise QuotaReached(f"The account takes {self.quota} active jobs.")
        self.jobs[spec.id] = MemoryJob(spec, self._clock.now())

    def add(self, job: str, tasks: Sequence[TaskSpec]) -> None:
        """Add tasks; existing ones are fine. Raises JobGone."""
        found = self._live(job)
        if found is None:
            raise JobGone(f"The job {job} takes no tasks.")
        for task in tasks:
            _check_id(task.id)
            found.tasks.setdefault(task.id, MemoryTask(task))
        self._settle(found)

    def close(self, job: str) -> None:
        """Let the job complete once all its tasks have completed."""
        if found := self._live(job):
            found.closing = True
            self._settle(found)

    def terminate(self, job: str) -> None:
        """End the job and its tasks now."""
        if found := self._live(job):
            self._end(found)

    def reap(self, completed_before: datetime) -> Iterator[str]:
        """Delete the jobs that completed before a time; yield each that is deleted."""
        old = [
            name
            for name, job in self.jobs.items()
            if job.state == "completed" and job.ended_at and job.ended_at < completed_before
        ]
        for name in old:
            del self.jobs[name]
            yield name

    def job(self, job: str) -> JobReport:
        """Report the job's state and task counts."""
        found = self._find(job)
        if found is None:
            return JobReport("")
        tasks = list(found.tasks.values())
        return JobReport(
            found.state,
            active=sum(task.state == "active" for task in tasks),
            running=sum(task.state == "running" for task in tasks),
            succeeded=sum(bool(task.outcome and task.outcome.succeeded) for task in tasks),
            failed=sum(bool(task.outcome and not task.outcome.succeeded) for task in tasks),
            preparation=found.preparation,
            pool=found.spec.pool,
        )

    def failures(self, job: str, ended_before: datetime) -> Iterator[TaskEnd]:
        """Yield the tasks that failed and completed before a time."""
        for end in self.ends(job):
            if (end.code or end.exit_code) and end.ended_at < ended_before:
                yield end

    def ends(self, job: str, since: datetime | None = None) -> Iterator[TaskEnd]:
        """Yield the tasks that completed, well or not, since a time or ever."""
        found = self._find(job)
        for name, task in found.tasks.items() if found else ():
            if (
                (outcome := task.outcome)
                and task.ended_at
                and (not since or task.ended_at >= since)
            ):
                why = (outcome.code, outcome.category, outcome.message, outcome.exit_code)
                yield TaskEnd(name, task.ended_at, *why, task.started_at, "tvmps_fake")

    def unconfirmed(self, job: str) -> Unconfirmed:
        """Return the tasks that did not succeed, or not yet."""
        ends = {end.task: end for end in self.failures(job, datetime.max.replace(tzinfo=UTC))}
        found = self._find(job)
        tasks = found.tasks.items() if found else ()
        return Unconfirmed(frozenset(n for n, t in tasks if t.state != "completed"), ends)

    def pool(self, pool: str) -> PoolReport:
        """Report the pool's state, nodes and errors."""
        return self.pools.get(pool, PoolReport(""))

    def last_words(self, pool: str, node: str, job: str = "") -> str:
        """Return what a node printed last, as far as somebody noted it in `words`."""
        return self.words.get((pool, node, job), "")

    def task_file(self, job: str, task: str, path: str, offset: int) -> FilePart | None:
        """Return some of a file of a task, as far as somebody noted it in `files`."""
        known = self._find(job)
        if known is None or task not in known.tasks or known.tasks[task].state == "active":
            return None
        content = self.files.get((job, task, path))
        part = (content or b"")[offset : offset + PART]
        return None if content is None else FilePart(len(content), part)

    def push_formula(self, pool: str, formula: str) -> None:
        """Enable autoscale with this formula. Raises NotFound and Transient."""
        if not formula:
            raise Permanent("A formula must not be empty.")
        found = self.pools.get(pool)
        if found is None:
            raise NotFound(f"There is no pool {pool}.")
        if found.allocation != "steady":
            raise Transient(f"The pool {pool} is {found.allocation}.")
        last = self._pushed_at.get(pool)
        if last is not None and self._clock.now() - last < BETWEEN_FORMULAS:
            raise Transient(f"The pool {pool} was given a formula just now.")
        self._pushed_at[pool] = self._clock.now()
        self.pools[pool] = replace(found, formula=formula, autoscales=True)

    def resize_by_hand(self, pool: str, dedicated: int, spot: int) -> None:
        """Disable autoscale and give the pool nodes at once. Raises NotFound and Transient."""
        found = self.pools.get(pool)
        if found is None:
            raise NotFound(f"There is no pool {pool}.")
        self.pools[pool] = found = replace(found, autoscales=False, formula="")
        if found.allocation != "steady":
            raise Transient(f"The pool {pool} is {found.allocation}.")
        nodes = dedicated + spot
        self.pools[pool] = replace(
            found, nodes=nodes, target_nodes=nodes, counts=NodeCounts(idle=nodes)
        )

    def add_pool(self, pool: str, nodes: int = 0) -> None:
        """Create a pool that is active and steady; set `pools[pool]` for anything else."""
        self.pools[pool] = PoolReport("active", "steady", nodes, nodes, NodeCounts(idle=nodes))

    def active(self, job: str) -> list[str]:
        """Return the ids of the tasks that wait for a node; none when the job is over."""
        found = self._live(job)
        return [n for n, t in found.tasks.items() if t.state == "active"] if found else []

    def start_task(self, job: str, task: str) -> TaskSpec:
        """Start the task on a node; end it with `finish_task`."""
        found = self._task(job, task)
        if found.state == "completed":
            raise ValueError(f"The task {task} is completed")
        found.state, found.started_at = "running", self._clock.now()
        found.executions += 1
        return found.spec

    def finish_task(self, job: str, task: str, outcome: Outcome | None = None) -> None:
        """Complete a task with an outcome (success by default), whatever its state."""
        found = self._task(job, task)
        found.state, found.outcome = "completed", outcome or Outcome()
        found.ended_at = self._clock.now()
        self._settle(self.jobs[job])

    def _task(self, job: str, task: str) -> MemoryTask:
        return self.jobs[job].tasks[task]

    def _find(self, job: str) -> MemoryJob | None:
        found = self.jobs.get(job)
        if (
            found
            and found.state == "active"
            and self._clock.now() >= found.created_at + found.spec.limit
        ):
            self._end(found)
        return found

    def _live(self, job: str) -> MemoryJob | None:
        found = self._find(job)
        return found if found and found.state == "active" else None

    def _settle(self, job: MemoryJob) -> None:
        if job.closing and all(task.state == "completed" for task in job.tasks.values()):
            self._complete(job)

    def _end(self, job: MemoryJob) -> None:
        """End running tasks; active ones stay active, as in Batch."""
        for task in job.tasks.values():
            if task.state == "running":
                ended = Outcome(None, "TaskEnded", "usererror", "Task was ended by user request")
                task.state, task.outcome, task.ended_at = "completed", ended, self._clock.now()
        self._complete(job)

    def _complete(self, job: MemoryJob) -> None:
        if job.state != "completed":
            job.state, job.ended_at = "completed", self._clock.now()


def _check_id(name: str) -> None:
    if not _ID.fullmatch(name):
        raise Permanent(f"{name!r} is not an id that Batch accepts.")
