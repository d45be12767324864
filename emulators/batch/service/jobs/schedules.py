"""Job schedules: created, changed, stopped, deleted, and the jobs that they make in time."""

from collections.abc import Mapping
from datetime import datetime

from emulators.batch.clock import Timer
from emulators.batch.document import Doc, stamp
from emulators.batch.errors import BatchError
from emulators.batch.model.job import Job
from emulators.batch.model.schedule import Schedule, with_schedule_defaults
from emulators.batch.model.states import JobState, ScheduleState
from emulators.batch.service.context import Context
from emulators.batch.service.jobs.auto_pools import AutoPools
from emulators.batch.service.jobs.jobs import Jobs
from emulators.batch.service.running.completion import terminate

_CLOSED: Mapping[ScheduleState, str] = {
    ScheduleState.DELETING: "JobScheduleBeingDeleted",
    ScheduleState.TERMINATING: "JobScheduleBeingTerminated",
    ScheduleState.COMPLETED: "JobScheduleCompleted",
}
_UPDATABLE = ("schedule", "jobSpecification", "metadata")
# How long a schedule waits before it tries again after the account's quota refused a job.
_QUOTA_PATIENCE_S = 60.0
# Moments have microseconds only, so a timer may seem to strike a little early.
_ROUNDING_S = 0.001


class Schedules:
    """The verbs of job schedules; each schedule has one timer, for the next moment that concerns
    it."""

    def __init__(self, ctx: Context, jobs: Jobs, auto_pools: AutoPools) -> None:
        self._ctx, self._jobs, self._auto_pools = ctx, jobs, auto_pools
        self._timers: dict[str, Timer] = {}

    def create(self, body: Doc) -> Schedule:
        """Create a schedule; its first job may be due at once."""
        ctx = self._ctx
        schedule_id: str = body["id"]
        if schedule_id.lower() in ctx.account.schedules:
            raise BatchError("JobScheduleExists")
        if schedule_id.lower() in ctx.account.jobs:
            raise BatchError("JobWithSameIdExists")
        if ctx.account.active_jobs() >= ctx.options.active_job_quota:
            raise BatchError("ActiveJobAndScheduleQuotaReached")
        schedule = Schedule(
            id=schedule_id,
            spec=with_schedule_defaults(body),
            state=ScheduleState.ACTIVE,
            created=stamp(ctx.clock.now()),
        )
        ctx.account.schedules[schedule_id.lower()] = schedule
        ctx.keep(schedule)
        self.look(schedule)
        return schedule

    def update(self, schedule: Schedule, body: Doc, *, whole: bool) -> None:
        """Change a schedule: PATCH sets what is present, PUT everything updatable."""
        _require_open(schedule)
        given = {name: body[name] for name in _UPDATABLE if body.get(name) is not None}
        if whole:
            schedule.spec.pop("metadata", None)
        schedule.spec = with_schedule_defaults({**schedule.spec, **given})
        schedule.edited(self._ctx.clock.now())
        self._ctx.keep(schedule)
        self.look(schedule)

    def disable(self, schedule: Schedule) -> None:
        """Stop making jobs; a disabled schedule stays disabled."""
        _require_open(schedule)
        if schedule.state is ScheduleState.ACTIVE:
            self._move(schedule, ScheduleState.DISABLED)
        self.look(schedule)

    def enable(self, schedule: Schedule) -> None:
        """Make jobs again; an active schedule stays active."""
        _require_open(schedule)
        if schedule.state is ScheduleState.DISABLED:
            self._move(schedule, ScheduleState.ACTIVE)
        self.look(schedule)

    def terminate(self, schedule: Schedule) -> None:
        """Begin to end a schedule and its active job."""
        _require_open(schedule)
        self._move(schedule, ScheduleState.TERMINATING)
        for job in self._ctx.account.jobs_made_by(schedule):
            if _is_active(job) and job.state is not JobState.TERMINATING:
                terminate(self._ctx, job, "TerminateJobSchedule")
        self._look_later(schedule)

    def delete(self, schedule: Schedule) -> None:
        """Begin to delete a schedule with all its jobs."""
        if schedule.state is ScheduleState.DELETING:
            raise BatchError("JobScheduleBeingDeleted")
        self._move(schedule, ScheduleState.DELETING)
        for job in self._ctx.account.jobs_made_by(schedule):
            if job.state is not JobState.DELETING:
                self._jobs.delete(job)
        self._look_later(schedule)

    def job_over(self, job: Job) -> None:
        """Tell a schedule that one of its jobs has completed or is gone."""
        schedule = self._ctx.account.schedules.get(job.id.partition(":")[0].lower())
        if ":" in job.id and schedule is not None:
            self.look(schedule)

    def look(self, schedule: Schedule) -> None:
        """Do what is due for a schedule now, and set the timer for the next time."""
        old = self._timers.pop(schedule.id, None)
        if old is not None:
            old.cancel()
        jobs = self._ctx.account.jobs_made_by(schedule)
        if schedule.state is ScheduleState.DELETING:
            if not jobs:
                self._remove(schedule)
        elif schedule.state is ScheduleState.TERMINATING:
            if not any(_is_active(job) for job in jobs):
                self._complete(schedule)
        elif schedule.is_open:
            self._keep_time(schedule, busy=any(_is_active(job) for job in jobs))

    def _keep_time(self, schedule: Schedule, *, busy: bool) -> None:
        now = self._ctx.clock.now()
        due, table = schedule.due(now), schedule.timetable()
        if due is not None and due <= now and schedule.state is ScheduleState.ACTIVE and not busy:
            self._make_job(schedule, due)
        elif due is None and schedule.is_over(now):
            # A job that still runs calls `job_over` at its end.
            if not busy:
                self._complete(schedule)
        else:
            following = table.end if due is None else due if due > now else table.lost_at(due)
            self._set_timer(schedule, following, now)

    def _make_job(self, schedule: Schedule, due: datetime) -> None:
        account, options = self._ctx.account, self._ctx.options
        if account.active_jobs() >= options.active_job_quota:
            timer = self._ctx.clock.after(_QUOTA_PATIENCE_S, lambda: self.look(schedule))
            self._timers[schedule.id] = timer
            return
        job_id = schedule.next_job(due)
        self._ctx.keep(schedule)
        self._jobs.make(schedule.spec["jobSpecification"], job_id, schedule)
        self.look(schedule)

    def _set_timer(self, schedule: Schedule, moment: datetime | None, now: datetime) -> None:
        if moment is not None:
            delay = (moment - now).total_seconds() + _ROUNDING_S
            self._timers[schedule.id] = self._ctx.clock.after(delay, lambda: self.look(schedule))

    def _look_later(self, schedule: Schedule) -> None:
        """Look once the answer has shown the passing state."""
        self._ctx.spawn(self._after_a_step(schedule), f"end of {schedule.id}")

    async def _after_a_step(self, schedule: Schedule) -> None:
        await self._ctx.pace.step("settle", schedule.id)
        if self._ctx.account.schedules.get(schedule.id.lower()) is schedule:
            self.look(schedule)

    def resume(self) -> None:
        """Continue all schedules of the last process."""
        for schedule in list(self._ctx.account.schedules.values()):
            self.look(schedule)

    def _complete(self, schedule: Schedule) -> None:
        self._move(schedule, ScheduleState.COMPLETED)
        schedule.ended = schedule.since
        self._auto_pools.release_shared(schedule)

    def _remove(self, schedule: Schedule) -> None:
        self._auto_pools.release_shared(schedule)
        self._ctx.account.schedules.pop(schedule.id.lower(), None)
        self._ctx.forget(schedule)

    def _move(self, schedule: Schedule, state: ScheduleState) -> None:
        schedule.move(state, self._ctx.clock.now())
        self._ctx.keep(schedule)


def _is_active(job: Job) -> bool:
    return job.state is not JobState.COMPLETED and job.state is not JobState.DELETING


def _require_open(schedule: Schedule) -> None:
    code = _CLOSED.get(schedule.state)
    if code:
        raise BatchError(code)
