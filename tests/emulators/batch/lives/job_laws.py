"""The laws of a job and its tasks: at every moment, and when all has settled."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from emulators.batch.document import parse_stamp, seconds_of
from emulators.batch.model.account import Account
from emulators.batch.model.counts import TaskCounts
from emulators.batch.model.job import Job
from emulators.batch.model.node import READY, Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import JobState, TaskState
from emulators.batch.model.task import Task
from emulators.batch.service.context import Context
from tests.emulators.batch.lives.onlooker import Onlooker
from tests.emulators.batch.lives.schedule_laws import A_MOMENT

_BUSY = (TaskState.RUNNING, TaskState.PREPARING)
CLOSED = {
    JobState.TERMINATING: {JobState.TERMINATING, JobState.COMPLETED, JobState.DELETING},
    JobState.COMPLETED: {JobState.COMPLETED, JobState.DELETING},
    JobState.DELETING: {JobState.DELETING},
}


def check_task(account: Account, task: Task) -> None:
    """Check that a task holds as many nodes as it needs, or none."""
    key = task.job_id, task.id
    held = [
        node.id
        for pool in account.pools.values()
        for node in pool.nodes.values()
        if key in node.running.values()
    ]
    if task.state in _BUSY:
        assert len(held) == task.instances, f"{task.id} holds {len(held)} nodes"
        assert task.node_id in held, f"{task.id} does not hold its own node"
    else:
        assert not held, f"{task.id} is {task.state} and holds {held}"
        running = [one for one in task.subtasks if one["state"] == "running"]
        assert not running, f"{task.id} is {task.state} and has subtasks that run"


def check_counts(job: Job) -> None:
    """Check that the counts of a job are those of its tasks."""
    counted = TaskCounts()
    for task in job.tasks.values():
        counted.enter(task)
    assert job.counts.document() == counted.document()


def check_manager(job: Job) -> None:
    """Check that a job ends with its manager if it should."""
    manager = job.spec.get("jobManagerTask") or {}
    task = job.tasks.get(str(manager.get("id")).lower())
    is_over = task is not None and task.state is TaskState.COMPLETED
    if is_over and manager["killJobOnCompletion"]:
        assert job.state in CLOSED, f"{job.id} is {job.state}, its manager has ended"


def check_over(account: Account, job: Job) -> None:
    """Check that nothing of a completed job goes on, and that it has left its nodes in order."""
    busy = [task.id for task in job.tasks.values() if task.state in _BUSY]
    assert not busy, f"{job.id} is completed, and {busy} run"
    assert job.execution.get("endTime"), f"{job.id} has no end"
    for node_id, entry in job.per_node.items():
        states = [info["state"] for name, info in entry.items() if name.endswith("ExecutionInfo")]
        assert "running" not in states, f"{job.id} is completed: {entry}"
        node = _node(account, node_id)
        if job.spec.get("jobReleaseTask") and node is not None and node.state in READY:
            ended = job.previous_since
            released = "jobReleaseTaskExecutionInfo" in entry
            assert released or node.booted > ended, f"{job.id} was not released on {node_id}"


def _node(account: Account, node_id: str) -> Node | None:
    found = (pool.nodes.get(node_id) for pool in account.pools.values())
    return next((node for node in found if node is not None), None)


def check_limits(job: Job, now: datetime) -> None:
    """Check that no job and no task exceeds its time limit."""
    limit = seconds_of(job.spec["constraints"]["maxWallClockTime"])
    if limit is not None and job.state not in CLOSED:
        late = now - parse_stamp(job.created) - timedelta(seconds=limit)
        assert late < A_MOMENT, f"{job.id} outlives its limit by {late}"
    for task in job.tasks.values():
        limit = seconds_of(task.spec()["constraints"]["maxWallClockTime"])
        if limit is not None and task.state is TaskState.RUNNING:
            late = now - parse_stamp(task.execution["startTime"]) - timedelta(seconds=limit + 5)
            assert late < A_MOMENT, f"{task.id} outlives its limit by {late}"


def check_nothing_waits(ctx: Context, nodes: Onlooker, pool: Pool) -> None:
    """Check that no task waits while there is room for it."""
    free = [node for node in pool.nodes.values() if node.takes_tasks]
    for job, task in _waiting(ctx, pool):
        barred = set(nodes.failed_on(job))
        room = [
            node.id
            for node in free
            if node.free >= task.slots
            and node.id not in barred
            and (node.dedicated or not task.dedicated_only)
        ]
        dying = nodes.alive[job.id.lower(), task.id.lower()] or task.id.lower() in job.dying
        may_run = task.instances == 1 or pool.runs_gangs
        waits = may_run and not dying and len(room) >= task.instances
        assert not waits, f"{job.id}/{task.id} waits beside {room}"


def _waiting(ctx: Context, pool: Pool) -> Iterator[tuple[Job, Task]]:
    for job in ctx.account.jobs_of(pool.id):
        if job.state is JobState.ACTIVE and job.room() > 0:
            for task in job.tasks.values():
                if task.state is TaskState.ACTIVE:
                    yield job, task
