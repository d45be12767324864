"""The laws of a job schedule and its jobs: none early, none late, none twice, none missing."""

from datetime import datetime, timedelta

from emulators.batch.document import parse_duration, parse_stamp
from emulators.batch.model.job import Job
from emulators.batch.model.schedule import Schedule
from emulators.batch.model.states import JobState, ScheduleState
from emulators.batch.service.context import Context

A_MOMENT = timedelta(seconds=1)


def check_due(job: Job, schedule: Schedule, last: str) -> None:
    """Check that a job was made at a moment that the schedule names, and only once for it."""
    given = schedule.spec["schedule"]
    due, made = parse_stamp(schedule.last), parse_stamp(job.created)
    assert schedule.state is not ScheduleState.DISABLED, f"{schedule.id} is disabled and makes jobs"
    assert not last or parse_stamp(last) < due, f"{job.id} is the second job of {last}"
    assert due <= made, f"{job.id} is early"
    begin = max(parse_stamp(given.get("doNotRunUntil") or schedule.created), _created(schedule))
    interval = given.get("recurrenceInterval")
    if interval:
        assert not (due - begin) % parse_duration(interval), f"{job.id} is out of step"
        assert made < due + parse_duration(interval), f"{job.id} belongs to the next interval"
    if given.get("startWindow"):
        assert made <= due + parse_duration(given["startWindow"]), f"{job.id} has missed its window"
    if given.get("doNotRunAfter"):
        assert made <= parse_stamp(given["doNotRunAfter"]), f"{job.id} comes too late"


def check_nothing_owed(ctx: Context, schedule: Schedule, now: datetime) -> None:
    """Check that a schedule has made its due job, and has ended if no more job can become due."""
    if schedule.state not in (ScheduleState.ACTIVE, ScheduleState.DISABLED):
        return
    if any(is_active(job) for job in ctx.account.jobs_made_by(schedule)):
        return
    given = schedule.spec["schedule"]
    end = parse_stamp(given["doNotRunAfter"]) if given.get("doNotRunAfter") else None
    assert end is None or now <= end + A_MOMENT, f"{schedule.id} outlives its end"
    begin = max(parse_stamp(given.get("doNotRunUntil") or schedule.created), _created(schedule))
    if schedule.state is ScheduleState.DISABLED or now < begin + A_MOMENT:
        return
    step = parse_duration(given["recurrenceInterval"]) if given.get("recurrenceInterval") else None
    due = begin + step * ((now - begin) // step) if step else begin
    until = due + parse_duration(given["startWindow"]) if given.get("startWindow") else None
    missed = until is not None and until < now + A_MOMENT
    taken = bool(schedule.last) and due <= parse_stamp(schedule.last)
    fresh = now - due < A_MOMENT
    assert missed or taken or fresh, f"{schedule.id} owes the job of {due}"
    assert step or fresh, f"{schedule.id} will make no job and does not end"


def is_active(job: Job) -> bool:
    """Tell whether a job keeps its schedule from making another one."""
    return job.state not in (JobState.COMPLETED, JobState.DELETING)


def _created(schedule: Schedule) -> datetime:
    """Return when a schedule was created."""
    return parse_stamp(schedule.created)
