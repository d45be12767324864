"""Decides which obstacle follows from Batch's reports of a run's job and its pool."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.waiting.reports import JobReport, PoolReport, Trouble

C = ObstacleCode
_WORKS = frozenset({"active", "enabling"})
_GONE = {"": "does not exist", "deleting": "is being deleted"}
_DISABLED = frozenset({"disabled", "disabling"})
# Batch's codes for a failed resize, in lower case: documentation and wire differ in case. Every
# other code means RESIZE_FAILED, unless it mentions a quota.
# https://learn.microsoft.com/azure/batch/batch-pool-node-error-checking
_RESIZE_CODES = {
    "allocationfailed": C.NO_CAPACITY,
    "allocationtimedout": C.NO_CAPACITY,
    "overconstrainedallocationrequest": C.NO_CAPACITY,
    "skunotavailable": C.NO_CAPACITY,
    "zonalallocationfailed": C.NO_CAPACITY,
}
_IMAGE_CODES = ("ContainerInvalidImage", "ContainerInvalidRegistry", "ContainerMiscError")

type Found = tuple[ObstacleCode, str]


@dataclass(frozen=True)
class Readings:
    """Batch's reports about a run: its jobs as one, its pool, and other runs with tasks there.

    `defined` is the pool that the definition makes now, if that may be another one. `words` is the
    end of what a failed start task or preparation printed.
    """

    job: JobReport
    pool: PoolReport
    pool_id: str
    others: Sequence[str] = ()
    words: str = ""
    defined: str = ""


def batch_obstacle(seen: Readings, now: datetime) -> Found | None:
    """Name the first thing that a run's tasks wait for; None when all tasks are over."""
    return next((found for look in _LOOKS for found in look(seen, now)), None)


def resize_code(error: Trouble) -> ObstacleCode:
    """Return the obstacle that a resize error means."""
    code = error.code.lower()
    return C.CORE_QUOTA if "quota" in code else _RESIZE_CODES.get(code, C.RESIZE_FAILED)


def pool_obstacle(pool: PoolReport, pool_id: str, now: datetime) -> Found | None:
    """Name what keeps a pool from taking tasks; None when nothing does."""
    seen = Readings(JobReport(""), pool, pool_id)
    return next((found for look in _POOL_LOOKS for found in look(seen, now)), None)


def _missing_pool(seen: Readings, _now: datetime) -> Iterator[Found]:
    if seen.pool.state not in _GONE:
        return
    gone = f"pool {seen.pool_id} {_GONE[seen.pool.state]}"
    if seen.defined in ("", seen.pool_id):
        yield C.POOL_MISSING, gone
    else:
        yield C.POOL_REPLACED, f"{gone}; the run began there, and new runs use {seen.defined}"


def _job(seen: Readings, _now: datetime) -> Iterator[Found]:
    if seen.job.state in _DISABLED:
        yield C.JOB_DISABLED, f"the run's job is {seen.job.state}"
    elif seen.job.state not in _WORKS and seen.job.active:
        left = _count(seen.job.active, "task")
        yield C.JOB_OVER, f"the run's job is {seen.job.state} with {left} left"
    elif not seen.job.state:
        yield C.JOB_OVER, "the run's job no longer exists"


def _preparation(seen: Readings, now: datetime) -> Iterator[Found]:
    preparation, ended = seen.job.preparation, seen.job.succeeded + seen.job.failed
    works = seen.job.running and (ended or not preparation.running)
    if preparation.failed and not works:
        where = f" on node {preparation.failed.node}" if preparation.failed.node else ""
        yield C.PREPARATION_FAILING, f"preparation fails{where}: {_said(preparation.failed, seen)}"
    elif preparation.running and not ended:
        yield (
            C.PREPARATION_RUNNING,
            f"preparation on {_count(preparation.running, 'node')}{_since(preparation.since, now)}",
        )


def _running(seen: Readings, _now: datetime) -> Iterator[Found]:
    job = seen.job
    if job.running:
        queued = f", {job.active} queued" if job.active else ""
        yield C.TASKS_RUNNING, f"{_count(job.running, 'task')} running{queued}, of {job.total}"


def _resize(seen: Readings, now: datetime) -> Iterator[Found]:
    pool, error = seen.pool, seen.pool.resize_error
    if error:
        nodes = f"{pool.nodes} of {_count(pool.target_nodes, 'node')}"
        yield (
            resize_code(error),
            f"pool {seen.pool_id} has {nodes}{_since(pool.since, now)}: {error}",
        )
    elif pool.autoscale_error and not pool.counts.usable:
        yield C.AUTOSCALE_FAILED, f"pool {seen.pool_id}: {pool.autoscale_error}"


def _nodes(seen: Readings, now: datetime) -> Iterator[Found]:
    """Yield why nodes cannot take tasks; nothing if some node can."""
    pool, counts = seen.pool, seen.pool.counts
    if counts.usable:
        return
    error = pool.node_error
    if counts.start_task_failed:
        said = _said(error, seen) if error else f"on {_count(counts.start_task_failed, 'node')}"
        yield C.START_TASK_FAILING, f"the start task fails: {said}"
    if counts.unusable and error:
        code = C.IMAGE_FAILING if error.code in _IMAGE_CODES else C.NODES_UNUSABLE
        yield code, f"{_count(counts.unusable, 'node')} unusable: {error}"
    if counts.starting:
        yield C.NODES_STARTING, f"{_count(counts.starting, 'node')} starting"
    if pool.allocation == "resizing":
        nodes = f"{pool.nodes} of {_count(pool.target_nodes, 'node')}"
        yield C.POOL_RESIZING, f"pool {seen.pool_id} has {nodes}{_since(pool.since, now)}"
    if counts.preempted or counts.unusable:
        # A preempted spot node may be unusable for a while, without an error of its own.
        gone = counts.preempted + counts.unusable
        code = C.NODES_PREEMPTED if counts.preempted else C.NODES_UNUSABLE
        yield code, f"{_count(gone, 'node')} of pool {seen.pool_id} cannot take tasks"


def _queued(seen: Readings, _now: datetime) -> Iterator[Found]:
    job, pool, counts = seen.job, seen.pool, seen.pool.counts
    if not job.active:
        return
    tasks = f"{_count(job.active, 'task')} queued"
    if not counts.usable:
        off = "" if pool.formula else ", and its autoscale is off"
        wanted = f"no node yet, {pool.target_nodes} wanted{off}"
        yield C.POOL_NOT_SCALED, f"{tasks}; pool {seen.pool_id} has {wanted}"
    elif counts.running and not counts.idle:
        names = f": {', '.join(seen.others)}" if seen.others else ""
        busy = _count(counts.running, "node")
        yield (
            C.TASKS_BEHIND_OTHERS,
            f"{tasks}; {busy} of pool {seen.pool_id} busy with others{names}",
        )
    else:
        yield C.TASKS_QUEUED, f"{tasks} for {_count(pool.nodes, 'node')} of pool {seen.pool_id}"


_POOL_LOOKS: tuple[Callable[[Readings, datetime], Iterator[Found]], ...] = (
    _missing_pool,
    _resize,
    _nodes,
)
_LOOKS = (_missing_pool, _job, _preparation, _running, _resize, _nodes, _queued)


def _said(trouble: Trouble, seen: Readings) -> str:
    """Say what went wrong, with the last words of the program if there are any."""
    words = " ".join(seen.words.split())
    return f"{trouble}: {words[-600:]}" if words else str(trouble)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _since(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    minutes = max(0, int((now - moment).total_seconds())) // 60
    return f" for {minutes} min" if minutes else " just now"
