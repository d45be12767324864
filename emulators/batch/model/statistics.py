"""The statistics of `$expand=stats`, from what is known; values that are not measured are left
out."""

from collections.abc import Iterable
from datetime import datetime

from emulators.batch.document import Doc, parse_stamp, stamp, written_duration
from emulators.batch.model.job import Job
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import TaskState
from emulators.batch.model.task import Task
from emulators.batch.model.usage import Usage, total

_GIB = 2**30


def statistics_of_task(task: Task, url: str, now: datetime) -> Doc:
    """Return the cost of a task over all its attempts, and how long it waited for the last
    attempt."""
    shown = _range(url, task.created, now) | _resources(_wall_s(task, now), task.usage)
    started = task.execution.get("startTime")
    if started:
        waited = parse_stamp(started) - parse_stamp(task.created)
        shown["waitTime"] = written_duration(waited.total_seconds())
    return shown


def statistics_of_jobs(jobs: Iterable[Job], created: str, url: str, now: datetime) -> Doc:
    """Return the cost of all tasks of some jobs."""
    wall_s, usage, retries, succeeded, failed = 0.0, None, 0, 0, 0
    for job in jobs:
        succeeded += job.counts["succeeded"]
        failed += job.counts["failed"]
        for task in job.tasks.values():
            wall_s += _wall_s(task, now)
            usage = total(usage, task.usage)
            retries += task.execution["retryCount"]
    return {
        **_range(url, created, now),
        **_resources(wall_s, usage),
        # 64-bit numbers, which the service writes as text.
        "numSucceededTasks": str(succeeded),
        "numFailedTasks": str(failed),
        "numTaskRetries": str(retries),
    }


def statistics_of_pool(pool: Pool, url: str, now: datetime) -> Doc:
    """Return how long a pool has had dedicated cores."""
    used = written_duration(pool.dedicated_core_seconds(now))
    span = {"startTime": pool.created, "lastUpdateTime": stamp(now)}
    return {"url": url, **span, "usageStats": {**span, "dedicatedCoreTime": used}}


def _range(url: str, created: str, now: datetime) -> Doc:
    return {"url": url, "startTime": created, "lastUpdateTime": stamp(now)}


def _resources(wall_s: float, usage: Usage | None) -> Doc:
    shown: Doc = {"wallClockTime": written_duration(wall_s)}
    if usage is not None:
        shown |= {
            "userCPUTime": written_duration(usage.user_s),
            "kernelCPUTime": written_duration(usage.kernel_s),
            "readIOGiB": usage.read_bytes / _GIB,
            "writeIOGiB": usage.written_bytes / _GIB,
        }
    return shown


def _wall_s(task: Task, now: datetime) -> float:
    if task.state is not TaskState.RUNNING:
        return task.wall_s
    return task.wall_s + (now - parse_stamp(task.execution["startTime"])).total_seconds()
