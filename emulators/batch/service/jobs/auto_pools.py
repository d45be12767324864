"""Pools that are created with a job or a job schedule and deleted with it."""

import uuid

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError
from emulators.batch.model.job import Job
from emulators.batch.model.schedule import Schedule
from emulators.batch.model.states import PoolState
from emulators.batch.service.context import Context
from emulators.batch.service.pools.pools import Pools

_ERRORS = {
    "PoolQuotaReached": "AutoPoolCreationFailedWithQuotaReached",
    "AutoScalingFormulaSyntaxError": "InvalidAutoScaleFormulaInAutoPool",
    "AutoScalingFormulaTooLong": "InvalidAutoScaleFormulaInAutoPool",
    "InvalidApplicationPackageReferences": "InvalidApplicationPackageReferencesInAutoPool",
}


def auto_pool_of(spec: Doc) -> Doc:
    """Return the auto pool specification of a job, or an empty one if the job names a pool."""
    return (spec.get("poolInfo") or {}).get("autoPoolSpecification") or {}


class AutoPools:
    """Creates the pool of a job, and deletes it when its lifetime ends."""

    def __init__(self, ctx: Context, pools: Pools) -> None:
        self._ctx, self._pools = ctx, pools

    def provide(self, job: Job, schedule: Schedule | None) -> Doc | None:
        """Give a new job its pool; return the scheduling error if that is impossible."""
        wanted = auto_pool_of(job.spec)
        shared = schedule if _lifetime(wanted) == "jobschedule" else None
        if shared is not None and self._lives(shared.pool_id):
            job.execution["poolId"] = shared.pool_id
            return None
        pool_id = f"{wanted.get('autoPoolIdPrefix') or ''}{str(uuid.uuid4()).upper()}"
        try:
            pool = self._pools.create({**(wanted.get("pool") or {}), "id": pool_id})
        except BatchError as error:
            code = _ERRORS.get(error.code, "InvalidAutoPoolSettings")
            return {"category": "usererror", "code": code, "message": str(error)}
        job.execution["poolId"] = pool.id
        if shared is not None:
            shared.pool_id = pool.id
            self._ctx.keep(shared)
        return None

    def release(self, job: Job) -> None:
        """Delete the pool of a job that is over, if it was made for this job alone."""
        wanted = auto_pool_of(job.spec)
        # Without a schedule the pool has no reason to outlive the job.
        alone = _lifetime(wanted) == "job" or ":" not in job.id
        if wanted and alone and not wanted.get("keepAlive"):
            self._delete(job.pool_id)

    def release_shared(self, schedule: Schedule) -> None:
        """Delete the pool of a schedule that is over."""
        if schedule.pool_id and not auto_pool_of(schedule.spec["jobSpecification"]).get(
            "keepAlive"
        ):
            self._delete(schedule.pool_id)

    def _delete(self, pool_id: str) -> None:
        if self._lives(pool_id):
            self._pools.delete(self._ctx.account.pool(pool_id))

    def _lives(self, pool_id: str) -> bool:
        pool = self._ctx.account.pools.get(pool_id.lower())
        return pool is not None and pool.state is PoolState.ACTIVE


def _lifetime(wanted: Doc) -> str:
    return str(wanted.get("poolLifetimeOption") or "").lower()
