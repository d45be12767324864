"""The operations of jobs."""

from emulators.batch.document import Doc
from emulators.batch.model.job import Job
from emulators.batch.model.statistics import statistics_of_jobs
from emulators.batch.query import properties
from emulators.batch.service.emulator import Emulator
from emulators.batch.wire.call import Call, Reply, Route, in_order, numbered


def _job(app: Emulator, call: Call) -> Job:
    job = app.ctx.account.job(call.params["jobId"])
    call.condition(job)
    return job


def shown(app: Emulator, call: Call, job: Job) -> Doc:
    """Return a job as clients see it."""
    now = app.ctx.clock.now()
    return call.expanded(
        job.document(call.base), lambda url: statistics_of_jobs([job], job.created, url, now)
    )


def serial(job: Job) -> int:
    """Return the position of a job in lists."""
    return job.serial


def create_job(app: Emulator, call: Call) -> Reply:
    """Create a job."""
    # The service ends the Location of a new job with this constant.
    return Reply(thing=app.jobs.create(call.body), location=f"{call.base}/jobs/job-1")


def list_jobs(app: Emulator, call: Call) -> Reply:
    """List the jobs."""
    jobs = app.ctx.account.jobs
    return call.listed(
        "jobs",
        properties.JOBS,
        in_order(jobs.values(), serial, lambda job: shown(app, call, job)),
    )


def get_job(app: Emulator, call: Call) -> Reply:
    """Show one job."""
    job = _job(app, call)
    return call.one("jobs", shown(app, call, job), job)


def update_job(app: Emulator, call: Call) -> Reply:
    """Change what is present."""
    job = _job(app, call)
    app.jobs.update(job, call.body, whole=False)
    return Reply(thing=job)


def replace_job(app: Emulator, call: Call) -> Reply:
    """Set everything updatable."""
    job = _job(app, call)
    app.jobs.update(job, call.body, whole=True)
    return Reply(thing=job)


def delete_job(app: Emulator, call: Call) -> Reply:
    """Begin to delete a job."""
    app.jobs.delete(_job(app, call))
    return Reply()


def disable_job(app: Emulator, call: Call) -> Reply:
    """Begin to disable a job."""
    job = _job(app, call)
    app.jobs.disable(job, call.body)
    return Reply(thing=job)


def enable_job(app: Emulator, call: Call) -> Reply:
    """Begin to enable a job."""
    job = _job(app, call)
    app.jobs.enable(job)
    return Reply(thing=job)


def terminate_job(app: Emulator, call: Call) -> Reply:
    """Begin to end a job."""
    job = _job(app, call)
    app.jobs.terminate(job, call.body)
    return Reply(thing=job)


def list_preparation_status(app: Emulator, call: Call) -> Reply:
    """Show preparation and release by node."""
    job = app.ctx.account.job(call.params["jobId"])
    shown = app.jobs.preparation_status(job)
    return call.listed(
        "jobpreparationandreleasetaskstatuslist", properties.PREPARATION, numbered(lambda: shown)
    )


def get_job_task_counts(app: Emulator, call: Call) -> Reply:
    """Count a job's tasks by state."""
    job = app.ctx.account.job(call.params["jobId"])
    return call.one("taskcountsresult", job.counts.document())


ROUTES = (
    Route("begin_delete_job", "DELETE", "/jobs/{jobId}", 202, delete_job),
    Route("get_job", "GET", "/jobs/{jobId}", 200, get_job),
    Route("update_job", "PATCH", "/jobs/{jobId}", 200, update_job),
    Route("replace_job", "PUT", "/jobs/{jobId}", 200, replace_job),
    Route("begin_disable_job", "POST", "/jobs/{jobId}/disable", 202, disable_job),
    Route("begin_enable_job", "POST", "/jobs/{jobId}/enable", 202, enable_job),
    Route("begin_terminate_job", "POST", "/jobs/{jobId}/terminate", 202, terminate_job),
    Route("create_job", "POST", "/jobs", 201, create_job),
    Route("list_jobs", "GET", "/jobs", 200, list_jobs),
    Route(
        "list_job_preparation_and_release_task_status",
        "GET",
        "/jobs/{jobId}/jobpreparationandreleasetaskstatus",
        200,
        list_preparation_status,
    ),
    Route("get_job_task_counts", "GET", "/jobs/{jobId}/taskcounts", 200, get_job_task_counts),
)
