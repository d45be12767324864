"""Builds the JSON document behind the page; its size does not grow with the account."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from emulators.batch.document import Doc, stamp
from emulators.batch.model.job import Job
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import TaskState
from emulators.batch.model.task import Task
from emulators.batch.page.waiting import why_waiting
from emulators.batch.service.context import Context

_MOST_POOLS, _MOST_NODES, _MOST_JOBS, _MOST_SCHEDULES = 50, 1000, 100, 50
_PAGE, _POINTS, _MOST_CHARACTERS = 50, 240, 1000
_SERIES = ("$PendingTasks", "$RunningTasks", "$UsableNodeCount", "target")


@dataclass(frozen=True, slots=True)
class View:
    """What the viewer looks at: a pool, a job, and the job's tasks of one state from a position
    on."""

    pool: str = ""
    job: str = ""
    state: str = ""
    start: int = 0


def document(ctx: Context, view: View) -> Doc:
    """Return everything that the page shows."""
    account = ctx.account
    pool = account.pools.get(view.pool.lower()) or next(iter(account.pools.values()), None)
    jobs = sorted(account.jobs.values(), key=lambda job: job.created, reverse=True)
    job = account.jobs.get(view.job.lower()) or next(iter(jobs), None)
    return {
        "account": ctx.options.account,
        "endpoint": ctx.endpoint,
        "now": stamp(ctx.clock.now()),
        "speed": ctx.options.clock_speed,
        "timing": ctx.options.timing,
        "poolCount": len(account.pools),
        "jobCount": len(account.jobs),
        "pools": [_pool(one) for one in islice(account.pools.values(), _MOST_POOLS)],
        "pool": _chosen_pool(ctx, pool) if pool else None,
        "jobs": [_job(one) for one in jobs[:_MOST_JOBS]],
        "job": _chosen_job(ctx, job, view) if job else None,
        "schedules": [
            {"id": one.id, "state": str(one.state), "made": one.made, "due": _due(ctx, one)}
            for one in islice(account.schedules.values(), _MOST_SCHEDULES)
        ],
        "faults": ctx.faults.document(),
        "refused": list(reversed(ctx.refused)),
    }


def _due(ctx: Context, schedule: Any) -> str:  # noqa: ANN401 - a Schedule; its module is not needed here
    due = schedule.due(ctx.clock.now()) if schedule.is_open else None
    return stamp(due) if due else ""


def _pool(pool: Pool) -> Doc:
    return {
        "id": pool.id,
        "state": str(pool.state),
        "allocation": str(pool.allocation),
        "vmSize": pool.spec.get("vmSize", ""),
        "slots": pool.slots,
        "dedicated": [pool.current(True), pool.target_dedicated],
        "spot": [pool.current(False), pool.target_spot],
        "autoscale": pool.autoscale,
        "errors": [one.get("code", "") for one in pool.resize_errors],
    }


def _chosen_pool(ctx: Context, pool: Pool) -> Doc:
    samples = ctx.samples.get(pool.id)
    rows = samples.rows() if samples else ()
    return {
        **_pool(pool),
        "formula": pool.spec.get("autoScaleFormula", "") if pool.autoscale else "",
        "run": pool.autoscale_run,
        "nodeCount": len(pool.nodes),
        "nodes": [
            {
                "id": node.id,
                "state": str(node.state),
                "spot": not node.dedicated,
                "open": node.scheduling == "enabled",
                "used": node.used,
                "running": list(islice(node.running, 5)),
                "errors": [error.get("code", "") for error in node.errors],
            }
            for node in islice(pool.nodes.values(), _MOST_NODES)
        ],
        "history": [
            [at.timestamp(), *(values.get(name) for name in _SERIES)] for at, values in _thin(rows)
        ],
    }


def _thin[T](rows: Sequence[T]) -> Sequence[T]:
    step = max(1, -(-len(rows) // _POINTS))
    # Counted from the newest sample, which is always shown.
    return rows[::-1][::step][::-1]


def _job(job: Job) -> Doc:
    return {
        "id": job.id,
        "state": str(job.state),
        "pool": job.pool_id,
        "priority": job.priority,
        "counts": job.counts.document()["taskCounts"],
        "reason": job.execution.get("terminateReason", ""),
        "error": (job.execution.get("schedulingError") or {}).get("code", ""),
    }


def _chosen_job(ctx: Context, job: Job, view: View) -> Doc:
    found = list(islice(_wanted(job.tasks_from(view.start), view.state), _PAGE + 1))
    return {
        **_job(job),
        "taskState": view.state,
        "start": view.start,
        "next": found[_PAGE].seq if len(found) > _PAGE else None,
        "tasks": [_task(ctx, job, task) for task in found[:_PAGE]],
    }


def _wanted(tasks: Iterable[Task], state: str) -> Iterable[Task]:
    if state == "failed":
        return (task for task in tasks if task.execution.get("result") == "failure")
    return (task for task in tasks if not state or str(task.state) == state)


def _task(ctx: Context, job: Job, task: Task) -> Doc:
    pool = ctx.account.pools.get(job.pool_id.lower())
    failure = task.execution.get("failureInfo") or {}
    why = why_waiting(job, task, pool, ctx.barred.get(job.id, set()))
    message = " ".join(one.get("value", "") for one in failure.get("details") or ())
    told = (why, failure.get("code", ""), message, *ctx.advice.of((job.id, task.id)))
    return {
        "id": task.id,
        "state": str(task.state),
        "node": task.node_id if task.state is not TaskState.ACTIVE else "",
        "exitCode": task.execution.get("exitCode"),
        "retries": task.execution.get("retryCount", 0),
        "requeues": task.execution.get("requeueCount", 0),
        "result": task.execution.get("result", ""),
        "why": " ".join(filter(None, told))[:_MOST_CHARACTERS],
    }
