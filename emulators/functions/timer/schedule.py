"""When a timer is due: by NCRONTAB or interval, by its status, and by what a start must catch
up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from emulators.functions.timer.ncrontab import Ncrontab
from emulators.functions.timer.wall_clock import next_in_zone
from emulators.functions.timespans import parse_span

_MINUTE = timedelta(minutes=1)
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class TimerStatus:
    """What the host remembers of a timer after a restart; None is what Azure calls the year 1."""

    last: datetime | None
    next: datetime
    updated: datetime | None


@dataclass(frozen=True)
class StartDecision:
    """What to do with a timer when the host starts."""

    run_now: bool
    past_due: bool
    status: TimerStatus
    stored: TimerStatus | None
    """What to write; None leaves the stored status as it is."""


class Schedule:
    """An NCRONTAB expression of six or five fields, or a time span; raises ValueError for else."""

    def __init__(self, expression: str, zone: ZoneInfo = _UTC) -> None:
        self._zone = zone
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
        return next_in_zone(self._cron, self._zone, moment)

    @property
    def is_monitored(self) -> bool:
        """Tell whether status is kept; schedules that fire more than once a minute have none."""
        if self._cron is None:
            return self._interval >= _MINUTE
        return not self._cron.ticks_within_every_minute


def decide_start(
    schedule: Schedule, stored: TimerStatus | None, now: datetime, run_on_startup: bool
) -> StartDecision:
    """Decide whether a timer runs at once, because it is past due or because it asks to.

    A status that does not fit the schedule means that the schedule was edited: nobody was promised
    what the new one would have missed.
    """
    if stored is None:
        following = schedule.next_after(now)
        first = TimerStatus(None, following, None)
        return StartDecision(run_on_startup, False, first, TimerStatus(None, following, now))
    expected = schedule.next_after(stored.last or stored.updated or now)
    if expected == stored.next:
        past_due = now > stored.next
        return StartDecision(past_due or run_on_startup, past_due, stored, None)
    changed = (
        TimerStatus(None, expected, stored.updated or now)
        if expected > now
        else TimerStatus(None, schedule.next_after(now), now)
    )
    return StartDecision(run_on_startup, False, changed, changed)


def after_run(schedule: Schedule, planned: datetime, started: datetime) -> TimerStatus:
    """Return the status after a run; what came due while it ran follows at once, and only once."""
    last = max(planned, started)
    return TimerStatus(last, schedule.next_after(last), last)
