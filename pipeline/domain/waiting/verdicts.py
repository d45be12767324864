"""Decides what follows from what Batch reports: go on, take another job, or end the run.

Reads nothing. Every obstacle that a pool or a job may keep for ever has a limit here; all others
end with the run's own time limit.
"""

from datetime import datetime, timedelta

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.obstacles import Obstacle, ObstacleCode
from pipeline.domain.waiting.reports import JobReport, PoolReport

_WORDS = 600  # characters of what the installer printed
C = ObstacleCode
# What a pool does not recover from by itself. Quota, capacity and spot nodes may come back at any
# time, so a run waits for them until its own limit.
BROKEN: dict[ObstacleCode, Cause] = {
    C.POOL_MISSING: Cause.POOL_FAILED,
    C.POOL_REPLACED: Cause.POOL_FAILED,
    C.AUTOSCALE_FAILED: Cause.POOL_FAILED,
    C.RESIZE_FAILED: Cause.POOL_FAILED,
    C.NODES_UNUSABLE: Cause.POOL_FAILED,
    C.START_TASK_FAILING: Cause.POOL_FAILED,
    C.IMAGE_FAILING: Cause.IMAGE_MISSING,
}
# A run that waits for one of these needs a person, or may soon: the doctor reports it at once.
FAULTS = frozenset(BROKEN) | {
    C.PREPARATION_FAILING,
    C.STEP_FAILING,
    C.DEFINITION_UNREADABLE,
    C.CORE_QUOTA,
    C.NO_CAPACITY,
    C.JOB_DISABLED,
    C.BATCH_NOT_ANSWERING,
    C.STORAGE_NOT_ANSWERING,
    C.VAULT_NOT_ANSWERING,
}

# Tasks wait for nodes that nothing may bring: what their run asked of the pool counts for a while
# only, and somebody may have given the pool another formula, or none.
ASKS_AGAIN = frozenset(
    {
        C.POOL_NOT_SCALED,
        C.AUTOSCALE_FAILED,
        C.NO_CAPACITY,
        C.CORE_QUOTA,
        C.NODES_PREEMPTED,
    }
)


def pool_failed(obstacle: Obstacle | None, now: datetime, patience: timedelta) -> Cause | None:
    """Return why a run fails whose pool has kept the same fault for longer than the patience."""
    if obstacle is None or obstacle.since is None or now - obstacle.since <= patience:
        return None
    return BROKEN.get(obstacle.code)


def unpreparable(
    job: JobReport, pool: PoolReport, now: datetime, soon: timedelta, late: timedelta
) -> bool:
    """Return whether a job's tasks wait in vain, because the job's preparation failed on nodes.

    Batch keeps a job off every node where its preparation failed, for ever. `soon` after the last
    failure counts if no other node may come; `late` counts if one may.
    """
    preparation = job.preparation
    if not preparation.failed or preparation.failed_at is None:
        return False
    if not job.active or job.running or preparation.running:
        return False  # Batch counts a task as running while its node is prepared
    counts = pool.counts
    untried = counts.usable + counts.starting - preparation.failures
    return now - preparation.failed_at > (late if untried > 0 else soon)


def preparation_text(job: JobReport, words: str) -> str:
    """Say how a job's preparation failed, with the last words of the installer if there are any."""
    count = max(1, job.preparation.failures)
    nodes = "1 node" if count == 1 else f"{count} nodes"
    said = " ".join(words.split())[-_WORDS:]
    return f"preparation failed on {nodes}: {job.preparation.failed}" + (
        f": {said}" if said else ""
    )
