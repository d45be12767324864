"""What PATCH and PUT may change of a job, and when."""

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError, invalid
from emulators.batch.model.job import Job, with_job_defaults
from emulators.batch.model.states import JobState

_UPDATABLE = (
    "priority",
    "maxParallelTasks",
    "allowTaskPreemption",
    "onAllTasksComplete",
    "constraints",
    "metadata",
    "networkConfiguration",
)


def changed(job: Job, body: Doc, *, whole: bool) -> Doc:
    """Return the new settings of a job: PATCH sets what is present, PUT everything updatable."""
    given = {name: body[name] for name in _UPDATABLE if body.get(name) is not None}
    kept = {name: job.spec[name] for name in job.spec if not (whole and name in _UPDATABLE)}
    new = with_job_defaults({**kept, **given, "poolInfo": _pool_info(job, body)})
    _check_completion(job, new)
    return new


def _check_completion(job: Job, new: Doc) -> None:
    """Refuse to switch automatic termination off: not even a PUT that omits it may do so."""
    before, after = (str(spec["onAllTasksComplete"]) for spec in (job.spec, new))
    if before.lower() == "terminatejob" and after.lower() != "terminatejob":
        reason = "The value cannot be changed back to noaction."
        raise invalid("onAllTasksComplete", after, reason)


def _pool_info(job: Job, body: Doc) -> Doc:
    """Return the pool info of a job after a change: another pool, or an auto pool that is kept or
    not."""
    own: Doc = job.spec["poolInfo"]
    given: Doc = body.get("poolInfo") or {}
    moved, auto = given.get("poolId"), given.get("autoPoolSpecification")
    before = own.get("autoPoolSpecification")
    if (before and moved) or (auto and not before):
        name, value = ("poolId", moved) if moved else ("autoPoolSpecification", auto)
        raise invalid(name, value, "A job keeps its kind of pool.")
    if moved and moved.lower() != job.pool_id.lower():
        _require_disabled(job)
        return {"poolId": moved}
    return _auto_pool(job, before, auto) if before and auto else own


def _auto_pool(job: Job, before: Doc, wanted: Doc) -> Doc:
    keep = bool(wanted.get("keepAlive"))
    if keep == bool(before.get("keepAlive")):
        return {"autoPoolSpecification": before}
    _require_disabled(job)
    if str(before.get("poolLifetimeOption")).lower() != "job":
        reason = "Only an auto pool with the lifetime of its job can be kept."
        raise invalid("keepAlive", keep, reason)
    return {"autoPoolSpecification": {**before, "keepAlive": keep}}


def _require_disabled(job: Job) -> None:
    if job.state is not JobState.DISABLED:
        raise BatchError(
            "OperationInvalidForCurrentState", "Disable the job before changing its pool."
        )
