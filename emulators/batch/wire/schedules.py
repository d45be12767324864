"""The operations of job schedules."""

from emulators.batch.document import Doc
from emulators.batch.model.schedule import Schedule
from emulators.batch.model.statistics import statistics_of_jobs
from emulators.batch.query import properties
from emulators.batch.service.emulator import Emulator
from emulators.batch.wire.call import Call, Reply, Route, in_order
from emulators.batch.wire.jobs import serial, shown


def _schedule(app: Emulator, call: Call) -> Schedule:
    schedule = app.ctx.account.schedule(call.params["jobScheduleId"])
    call.condition(schedule)
    return schedule


def _document(app: Emulator, call: Call, schedule: Schedule) -> Doc:
    now = app.ctx.clock.now()
    jobs = app.ctx.account.jobs_made_by(schedule)
    return call.expanded(
        schedule.document(call.base, now),
        lambda url: statistics_of_jobs(jobs, schedule.created, url, now),
    )


def create_job_schedule(app: Emulator, call: Call) -> Reply:
    """Create a job schedule."""
    schedule = app.schedules.create(call.body)
    return Reply(thing=schedule, location=f"{call.base}/jobschedules/{schedule.id}")


def list_job_schedules(app: Emulator, call: Call) -> Reply:
    """List the job schedules."""
    found = app.ctx.account.schedules
    walk = in_order(found.values(), lambda one: one.serial, lambda one: _document(app, call, one))
    return call.listed("jobschedules", properties.SCHEDULES, walk)


def get_job_schedule(app: Emulator, call: Call) -> Reply:
    """Show one job schedule."""
    schedule = _schedule(app, call)
    return call.one("jobschedules", _document(app, call, schedule), schedule)


def job_schedule_exists(app: Emulator, call: Call) -> Reply:
    """Tell whether a job schedule exists."""
    return Reply(thing=_schedule(app, call))


def update_job_schedule(app: Emulator, call: Call) -> Reply:
    """Change what is present."""
    schedule = _schedule(app, call)
    app.schedules.update(schedule, call.body, whole=False)
    return Reply(thing=schedule)


def replace_job_schedule(app: Emulator, call: Call) -> Reply:
    """Set everything updatable."""
    schedule = _schedule(app, call)
    app.schedules.update(schedule, call.body, whole=True)
    return Reply(thing=schedule)


def disable_job_schedule(app: Emulator, call: Call) -> Reply:
    """Stop making jobs."""
    schedule = _schedule(app, call)
    app.schedules.disable(schedule)
    return Reply(thing=schedule)


def enable_job_schedule(app: Emulator, call: Call) -> Reply:
    """Make jobs again."""
    schedule = _schedule(app, call)
    app.schedules.enable(schedule)
    return Reply(thing=schedule)


def terminate_job_schedule(app: Emulator, call: Call) -> Reply:
    """Begin to end a job schedule."""
    schedule = _schedule(app, call)
    app.schedules.terminate(schedule)
    return Reply(thing=schedule)


def delete_job_schedule(app: Emulator, call: Call) -> Reply:
    """Begin to delete a job schedule."""
    app.schedules.delete(_schedule(app, call))
    return Reply()


def list_jobs_from_schedule(app: Emulator, call: Call) -> Reply:
    """List the jobs that a schedule has made."""
    schedule = app.ctx.account.schedule(call.params["jobScheduleId"])
    jobs = app.ctx.account.jobs_made_by(schedule)
    walk = in_order(jobs, serial, lambda job: shown(app, call, job))
    return call.listed("jobs", properties.JOBS_OF_SCHEDULE, walk)


_ALL, _ONE = "/jobschedules", "/jobschedules/{jobScheduleId}"
ROUTES = (
    Route("list_jobs_from_schedule", "GET", f"{_ONE}/jobs", 200, list_jobs_from_schedule),
    Route("job_schedule_exists", "HEAD", _ONE, 200, job_schedule_exists),
    Route("begin_delete_job_schedule", "DELETE", _ONE, 202, delete_job_schedule),
    Route("get_job_schedule", "GET", _ONE, 200, get_job_schedule),
    Route("update_job_schedule", "PATCH", _ONE, 200, update_job_schedule),
    Route("replace_job_schedule", "PUT", _ONE, 200, replace_job_schedule),
    Route("disable_job_schedule", "POST", f"{_ONE}/disable", 204, disable_job_schedule),
    Route("enable_job_schedule", "POST", f"{_ONE}/enable", 204, enable_job_schedule),
    Route("begin_terminate_job_schedule", "POST", f"{_ONE}/terminate", 202, terminate_job_schedule),
    Route("create_job_schedule", "POST", _ALL, 201, create_job_schedule),
    Route("list_job_schedules", "GET", _ALL, 200, list_job_schedules),
)
