"""The requests to an account, the observations, and the laws that follow from both."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from emulators.batch.document import Doc
from emulators.batch.model.counts import TaskCounts
from emulators.batch.model.dependencies import wanted_ids
from emulators.batch.model.job import Job
from emulators.batch.model.node import READY
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import Allocation, JobState, NodeState, PoolState, TaskState
from emulators.batch.model.task import Task
from emulators.batch.service.context import Context
from tests.emulators.batch.lives.lives import Nodes, Program

_ENDED = {
    JobState.TERMINATING: {JobState.TERMINATING, JobState.COMPLETED, JobState.DELETING},
    JobState.COMPLETED: {JobState.COMPLETED, JobState.DELETING},
    JobState.DELETING: {JobState.DELETING},
}
_WITHOUT_PROGRAMS = {NodeState.CREATING, NodeState.STARTING, NodeState.DEALLOCATED}
_RESTING = READY | {NodeState.DEALLOCATED, NodeState.START_TASK_FAILED}


@dataclass
class SeenTask:
    """A task that was accepted; `waits` shrinks as others satisfy it."""

    waits: set[str]
    is_completed: bool = False
    is_condemned: bool = False


@dataclass
class SeenJob:
    """A job that was accepted, and the last observed step of its end."""

    tasks: dict[str, SeenTask] = field(default_factory=dict)
    end: JobState | None = None


class Ledger:
    """The client's side of the story."""

    def __init__(self) -> None:
        self.jobs: dict[str, SeenJob] = {}
        self.deleted_pools: set[str] = set()

    def added(self, job: Job, body: Doc) -> None:
        """Note an accepted task."""
        met = {key for key, task in job.tasks.items() if task.satisfied}
        waits = wanted_ids(body) - met
        self.jobs[job.id.lower()].tasks[body["id"].lower()] = SeenTask(waits)

    def began(self, program: Program, ctx: Context) -> None:
        """Check at its start that a task may run; a deleted one may still be dying."""
        job, (job_id, task_id) = ctx.account.jobs[program[0]], program
        seen = self.jobs[job_id].tasks.get(task_id)
        assert seen is not None, f"{program} was deleted and runs"
        late = {one for one in seen.waits if not job.is_satisfied(one)}
        assert not late, f"{program} runs before {late}"
        assert not seen.is_condemned, f"{program} was ended and runs again"
        assert job.id.lower() not in self.jobs or self.jobs[job_id].end is None

    def look(self, ctx: Context, nodes: Nodes) -> None:
        """Check the laws of every moment, and remember what is final."""
        present = {node: pool for pool in ctx.account.pools.values() for node in pool.nodes}
        for name in nodes.nodes_at_work():
            assert name in present, f"{name} is gone and its processes are not"
            state = present[name].nodes[name].state
            assert state not in _WITHOUT_PROGRAMS, f"{name} is {state} and a program runs there"
        for job_id, seen in list(self.jobs.items()):
            job = ctx.account.jobs.get(job_id)
            if job is None:
                assert seen.end is JobState.DELETING, f"{job_id} is lost"
                del self.jobs[job_id]
                continue
            _check_counts(job)
            self._check_job(job, seen)
        assert set(ctx.account.jobs) == set(self.jobs)
        for pool in ctx.account.pools.values():
            _check_slots(ctx, pool)

    def _check_job(self, job: Job, seen: SeenJob) -> None:
        if seen.end is not None:
            assert job.state in _ENDED[seen.end], f"{job.id}: {seen.end} became {job.state}"
        if job.state in _ENDED:
            seen.end = job.state
        assert set(job.tasks) == set(seen.tasks), f"{job.id} has lost or invented tasks"
        done = {key for key, task in job.tasks.items() if task.satisfied}
        for key, task in job.tasks.items():
            mine = seen.tasks[key]
            mine.waits -= done
            assert task.state is TaskState.COMPLETED or not mine.is_completed
            if task.state is TaskState.COMPLETED:
                mine.is_completed = True

    def check_nothing_waits_in_vain(self, ctx: Context, nodes: Nodes) -> None:
        """Check that no task waits while a node has room for it; only valid when all has
        settled."""
        for pool in ctx.account.pools.values():
            if pool.state is PoolState.ACTIVE:
                _check_size(pool)
                free = [node for node in pool.nodes.values() if node.takes_tasks]
                for job, task in self._waiting(ctx, pool):
                    barred = ctx.barred.get(job.id, set())
                    room = [n for n in free if n.free >= task.slots and n.id not in barred]
                    dying = nodes.alive[job.id.lower(), task.id.lower()]
                    assert not room or dying, f"{job.id}/{task.id} waits beside {room[0].id}"

    def _waiting(self, ctx: Context, pool: Pool) -> Iterator[tuple[Job, Task]]:
        for job in ctx.account.jobs_of(pool.id):
            if job.is_live and job.room() > 0:
                for key, task in job.tasks.items():
                    waits = self.jobs[job.id.lower()].tasks[key].waits
                    if task.state is TaskState.ACTIVE and not waits:
                        yield job, task

    def check_rest(self, ctx: Context) -> None:
        """Check that after a long time nothing is on its way any more."""
        for pool in ctx.account.pools.values():
            states = {node.state for node in pool.nodes.values()}
            assert pool.state is PoolState.ACTIVE, f"{pool.id} is never deleted"
            assert pool.allocation is Allocation.STEADY, f"{pool.id} is {pool.allocation} for ever"
            assert states <= _RESTING, f"{pool.id} has nodes that are {states} for ever"
        for job in ctx.account.jobs.values():
            resting = {JobState.ACTIVE, JobState.DISABLED, JobState.COMPLETED}
            assert job.state in resting, f"{job.id} is {job.state} for ever"
            assert job.counts["running"] == 0
        assert not ctx.runs


def _check_counts(job: Job) -> None:
    counted = TaskCounts()
    for task in job.tasks.values():
        counted.enter(task)
    assert job.counts.document() == counted.document()


def _check_slots(ctx: Context, pool: Pool) -> None:
    for node in pool.nodes.values():
        assert 0 <= node.used <= node.slots, f"{node.id} uses {node.used} of {node.slots}"
        assert set(node.running.values()) <= set(ctx.runs)
        assert bool(node.used) == bool(node.running)
        bound = [
            task
            for job in ctx.account.jobs_of(pool.id)
            for task in job.tasks.values()
            if task.node_id == node.id and task.state in (TaskState.RUNNING, TaskState.PREPARING)
        ]
        assert sum(task.slots for task in bound) <= node.used
        assert {(task.job_id, task.id) for task in bound} <= set(node.running.values())


def _check_size(pool: Pool) -> None:
    if pool.allocation is Allocation.STEADY and not pool.resize_errors:
        assert pool.current(True) == pool.target_dedicated
        assert pool.current(False) == pool.target_spot
