"""Jobs: created, changed, disabled, ended, deleted."""

from emulators.batch.agent.environment import job_directory
from emulators.batch.document import Doc, seconds_of, stamp
from emulators.batch.errors import BatchError
from emulators.batch.model.job import Job, with_job_defaults
from emulators.batch.model.node import READY
from emulators.batch.model.schedule import Schedule
from emulators.batch.model.states import JobState
from emulators.batch.scheduler.verdict import ended_by_user
from emulators.batch.service.context import Context
from emulators.batch.service.jobs.auto_pools import AutoPools, auto_pool_of
from emulators.batch.service.jobs.changes import changed
from emulators.batch.service.nodes.preparation import (
    INFO,
    LEFT_RUNNING,
    release_everywhere,
    remaining_s,
)
from emulators.batch.service.running.completion import (
    check_all_complete,
    disable,
    end_runs,
    terminate,
)
from emulators.batch.service.running.job_manager import add_manager, fit_manager

# Moments have microseconds only, so a timer may seem to strike a little early.
_ROUNDING_S = 0.001
_GONE = {JobState.DELETING: "JobBeingDeleted"}
_ENDING = {JobState.TERMINATING: "JobBeingTerminated", JobState.COMPLETED: "JobCompleted"}
_OVER = _GONE | _ENDING


def require_open(job: Job) -> None:
    """Refuse work on a job that ends or has ended."""
    code = _OVER.get(job.state)
    if code:
        raise BatchError(code)


class Jobs:
    """The verbs of jobs."""

    def __init__(self, ctx: Context, auto_pools: AutoPools) -> None:
        self._ctx, self._auto_pools = ctx, auto_pools

    def create(self, body: Doc) -> Job:
        """Create a job, unless the account has reached its quota."""
        ctx = self._ctx
        job_id: str = body["id"]
        if job_id.lower() in ctx.account.jobs:
            raise BatchError("JobExists")
        if job_id.lower() in ctx.account.schedules:
            raise BatchError("JobScheduleWithSameIdExists")
        if ctx.account.active_jobs() >= ctx.options.active_job_quota:
            raise BatchError("ActiveJobAndScheduleQuotaReached")
        return self.make(body, job_id)

    def make(self, body: Doc, job_id: str, schedule: Schedule | None = None) -> Job:
        """Create a job without asking the quota.

        A job whose auto pool cannot be created completes at once. A job whose pool does not exist
        waits for it.
        """
        ctx = self._ctx
        created = stamp(ctx.clock.now())
        spec = with_job_defaults({**body, "id": job_id})
        job = Job(id=job_id, spec=spec, state=JobState.ACTIVE, created=created)
        job.execution = {"startTime": created}
        trouble = self._find_pool(job, schedule)
        ctx.account.jobs[job_id.lower()] = job
        ctx.keep(job)
        if trouble is not None:
            job.execution["schedulingError"] = trouble
            terminate(ctx, job, "")
            return job
        add_manager(ctx, job)
        self.watch_limit(job)
        check_all_complete(ctx, job)
        return job

    def _find_pool(self, job: Job, schedule: Schedule | None) -> Doc | None:
        if auto_pool_of(job.spec):
            return self._auto_pools.provide(job, schedule)
        job.execution["poolId"] = job.pool_id
        return None

    def update(self, job: Job, body: Doc, *, whole: bool) -> None:
        """Change a job: PATCH sets what is present, PUT everything updatable."""
        require_open(job)
        job.spec = changed(job, body, whole=whole)
        if not auto_pool_of(job.spec):
            job.execution["poolId"] = job.pool_id
        fit_manager(self._ctx, job)
        job.edited(self._ctx.clock.now())
        self._ctx.keep(job)
        self.watch_limit(job)
        check_all_complete(self._ctx, job)
        self._ctx.wake(job.pool_id)

    def disable(self, job: Job, body: Doc) -> None:
        """Stop a job from starting tasks."""
        require_open(job)
        option = str(body["disableTasks"]).lower()
        if job.state not in (JobState.ACTIVE, JobState.DISABLED, JobState.DISABLING):
            raise BatchError("OperationInvalidForCurrentState")
        if job.state is not JobState.DISABLING:
            disable(self._ctx, job, option)

    def enable(self, job: Job) -> None:
        """Let a disabled job start tasks again."""
        require_open(job)
        if job.state not in (JobState.DISABLED, JobState.DISABLING):
            raise BatchError("OperationInvalidForCurrentState")
        job.move(JobState.ENABLING, self._ctx.clock.now())
        self._ctx.keep(job)
        self._ctx.spawn(finish_enabling(self._ctx, job), f"enabling of {job.id}")

    def terminate(self, job: Job, body: Doc) -> None:
        """Begin to end a job."""
        require_open(job)
        terminate(self._ctx, job, str(body.get("terminateReason") or "UserTerminate"))

    def delete(self, job: Job) -> None:
        """Begin to delete a job with its tasks and files."""
        if job.state is JobState.DELETING:
            raise BatchError("JobBeingDeleted")
        ctx = self._ctx
        job.move(JobState.DELETING, ctx.clock.now())
        ctx.keep(job)
        end_runs(ctx, job, ended_by_user())
        ctx.spawn(finish_deletion(ctx, job), f"deletion of {job.id}")

    def preparation_status(self, job: Job) -> list[Doc]:
        """Return how preparation and release went, node by node."""
        if not (job.spec.get("jobPreparationTask") or job.spec.get("jobReleaseTask")):
            raise BatchError("JobPreparationTaskOrReleaseTaskNotSpecified")
        return [_located(self._ctx.endpoint, one) for one in job.per_node.values()]

    def watch_limit(self, job: Job) -> None:
        """End the job when its own time is up; if the limit moves, the old timer notices when it
        strikes."""
        limit = seconds_of((job.spec.get("constraints") or {}).get("maxWallClockTime"))
        if limit is not None and job.state not in _OVER:
            delay = remaining_s(job, self._ctx, limit)
            self._ctx.clock.after(delay, lambda: self._limit_struck(job))

    def _limit_struck(self, job: Job) -> None:
        limit = seconds_of((job.spec.get("constraints") or {}).get("maxWallClockTime"))
        if limit is None or job.state in _OVER:
            return
        if remaining_s(job, self._ctx, limit) <= _ROUNDING_S:
            terminate(self._ctx, job, "MaxWallClockTimeExpiry")


def _located(endpoint: str, entry: Doc) -> Doc:
    """Add the addresses of this process to what happened on a node."""
    node_url = f"{endpoint}/pools/{entry['poolId']}/nodes/{entry['nodeId']}"
    shown = {**entry, "nodeUrl": node_url}
    shown.pop(LEFT_RUNNING, None)
    for name in INFO.values():
        if name in entry:
            root_url = f"{node_url}/files/{entry[name]['taskRootDirectory']}"
            shown[name] = {**entry[name], "taskRootDirectoryUrl": root_url}
    return shown


async def finish_enabling(ctx: Context, job: Job) -> None:
    """Make a job active after `enabling`."""
    await ctx.pace.step("settle", job.id)
    if job.state is JobState.ENABLING:
        job.move(JobState.ACTIVE, ctx.clock.now())
        ctx.keep(job)
        check_all_complete(ctx, job)
        ctx.wake(job.pool_id)


async def finish_deletion(ctx: Context, job: Job) -> None:
    """Remove a job that is being deleted: run its release, delete its folders and records."""
    await ctx.pace.step("settle", job.id)
    await ctx.settled([key for key in ctx.runs if key[0] == job.id])
    # A completed job has had its release.
    if job.previous != JobState.COMPLETED:
        await release_everywhere(ctx, job)
    # In all pools, because the job may have moved.
    for node in [node for pool in ctx.account.pools.values() for node in pool.nodes.values()]:
        folder = ctx.folders(node).root / job_directory(job.id)
        if node.state in READY:
            await ctx.machine.clear(folder)
    ctx.account.jobs.pop(job.id.lower(), None)
    ctx.barred.pop(job.id, None)
    ctx.forget(job, *job.tasks.values(), *job.departed.values())
    ctx.job_over(job)
