"""When a timer is due: by NCRONTAB or interval, by its status, and by what a start must catch
up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from emulators.functions.timer.ncrontab import Ncrontab
from emulators.functions.timespans import parse_span

_MINUTE = timedelta(minutes=1)
_TOLERANCE = timedelta(seconds=1)


@dataclass(frozen=True)
class TimerStatus:
    """What the host remembers of a timer after a restart."""

    last: datetime | None
    next: datetime
    updated: datetime


@dataclass(frozen=True)
class StartDecision:
    """What to do with a timer when the host starts."""

    run_now: bool
    past_due: bool
    status: TimerStatus


class Schedule:
    """An NCRONTAB expression of six or five fields, or a time span; raises ValueError for else."""

    def __init__(self, expression: str) -> None:
        self._cron: Ncrontab | None = None
        self._interval = timedelta()
        try:
            self._cron = Ncrontab(expression)
        except ValueError as cron_error:
            try:
                self._interval = timedelta(seconds=parse_span(expression))
            except ValueError as error:
                raise ValueError(
                    f"{expression[:60]!r} is neither an NCRONTAB expression ({cron_error}) "
                    "nor a time span"
                ) from error

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence after a moment; raises OverflowError beyond the calendar."""
        if self._cron is None:
            return moment + self._interval
        return self._cron.next_after(moment.replace(tzinfo=None)).replace(tzinfo=moment.tzinfo)

    @property
    def is_monitored(self) -> bool:
        """Tell whether status is kept; schedules that fire more than once a minute have none."""
        if self._cron is None:
            return self._interval >= _MINUTE
        return not self._cron.ticks_within_every_minute


def decide_start(
    schedule: Schedule, status: TimerStatus | None, now: datetime, run_on_startup: bool
) -> StartDecision:
    """Decide whether a timer runs at once, because it is past due or because it asks to."""
    following = schedule.next_after(now)
    if status is None:
        return StartDecision(run_on_startup, False, TimerStatus(None, following, now))
    expected = schedule.next_after(status.updated)
    if abs(expected - status.next) > _TOLERANCE:
        # The schedule was edited meanwhile, so nobody was promised what the new one would have
        # missed.
        return StartDecision(run_on_startup, False, TimerStatus(status.last, following, now))
    past_due = now > status.next
    return StartDecision(past_due or run_on_startup, past_due, status)


def after_run(schedule: Schedule, occurrence: datetime, now: datetime) -> TimerStatus:
    """Return the status after a run; occurrences during the run are skipped."""
    return TimerStatus(occurrence, schedule.next_after(max(occurrence, now)), max(occurrence, now))
