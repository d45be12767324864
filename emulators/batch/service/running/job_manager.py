"""The job manager task: it is created with its job, and may end it."""

import json

from emulators.batch.document import Doc, stamp
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.states import TaskState
from emulators.batch.model.task import Task, with_task_defaults
from emulators.batch.service.context import Context

_OF_THE_JOB = ("killJobOnCompletion", "runExclusive", "allowLowPriorityNode")


def manager_of(job: Job) -> Doc:
    """Return the specification of the job's manager, or an empty one."""
    return job.spec.get("jobManagerTask") or {}


def add_manager(ctx: Context, job: Job) -> None:
    """Add the manager as the first task of its job, so that it is scheduled first."""
    given = manager_of(job)
    if not given:
        return
    spec = with_task_defaults({key: given[key] for key in given if key not in _OF_THE_JOB})
    task = Task(
        id=spec["id"],
        job_id=job.id,
        seq=0,
        spec_text=json.dumps(spec, separators=(",", ":")),
        slots=_slots(ctx, job),
        dedicated_only=not given.get("allowLowPriorityNode", True),
        state=TaskState.ACTIVE,
        created=stamp(ctx.clock.now()),
    )
    job.add(task)
    ctx.keep(task)
    ctx.wake(job.pool_id)


def fit_manager(ctx: Context, job: Job) -> None:
    """Give a waiting manager as many slots as its job's pool demands now."""
    task = job.tasks.get(str(manager_of(job).get("id", "")).lower())
    if task is None or task.state is not TaskState.ACTIVE:
        return
    job.counts.leave(task)
    task.slots = _slots(ctx, job)
    job.counts.enter(task)
    job.enqueue(task)
    ctx.keep(task)


def _slots(ctx: Context, job: Job) -> int:
    given, pool = manager_of(job), ctx.account.pools.get(job.pool_id.lower())
    own = int(given.get("requiredSlots") or 1)
    return max(own, pool.slots) if given.get("runExclusive", True) and pool is not None else own


def runs_manager(ctx: Context, node: Node) -> bool:
    """Tell whether a node runs the manager of a job."""
    for job_id, task_id in node.running.values():
        job = ctx.account.jobs.get(job_id.lower())
        if job is not None and _is_manager(job, task_id):
            return True
    return False


def _is_manager(job: Job, task_id: str) -> bool:
    return str(manager_of(job).get("id", "")).lower() == task_id.lower()


def ends_its_job(job: Job, task: Task) -> bool:
    """Tell whether the end of this task ends its job."""
    return _is_manager(job, task.id) and bool(manager_of(job).get("killJobOnCompletion", True))
