"""The operations of job schedules: named, not implemented."""

from emulators.batch.wire.call import Route

_WHY = "Job schedules are not implemented yet."
_ONE = "/jobschedules/{jobScheduleId}"

ROUTES = (
    Route("list_jobs_from_schedule", "GET", f"{_ONE}/jobs", 200, why_not=_WHY),
    Route("job_schedule_exists", "HEAD", _ONE, 200, why_not=_WHY),
    Route("begin_delete_job_schedule", "DELETE", _ONE, 202, why_not=_WHY),
    Route("get_job_schedule", "GET", _ONE, 200, why_not=_WHY),
    Route("update_job_schedule", "PATCH", _ONE, 200, why_not=_WHY),
    Route("replace_job_schedule", "PUT", _ONE, 200, why_not=_WHY),
    Route("disable_job_schedule", "POST", f"{_ONE}/disable", 204, why_not=_WHY),
    Route("enable_job_schedule", "POST", f"{_ONE}/enable", 204, why_not=_WHY),
    Route("begin_terminate_job_schedule", "POST", f"{_ONE}/terminate", 202, why_not=_WHY),
    Route("create_job_schedule", "POST", "/jobschedules", 201, why_not=_WHY),
    Route("list_job_schedules", "GET", "/jobschedules", 200, why_not=_WHY),
)
