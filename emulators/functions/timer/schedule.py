"""When a timer is due: by NCRONTAB or interval, by its status, and by what a start must catch
up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from croniter import croniter

from emulators.functions.timespans import parse_span

_SIX_FIELDS = 6
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
    """A six-field NCRONTAB expression, a five-field one, or a time span."""

    def __init__(self, expression: str) -> None:
        self._interval: timedelta | None = None
        fields = expression.split()
        self._expression = " ".join(fields if len(fields) == _SIX_FIELDS else ["0", *fields])
        if ":" in expression:
            self._interval = timedelta(seconds=parse_span(expression))
        elif not croniter.is_valid(self._expression, second_at_beginning=True):
            raise ValueError(f"{expression!r} is neither an NCRONTAB expression nor a time span")

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence after a moment."""
        if self._interval is not None:
            return moment + self._interval
        following: datetime = croniter(self._expression, moment, second_at_beginning=True).get_next(
            datetime
        )
        return following

    def is_monitored(self, now: datetime) -> bool:
        """Tell whether status is kept; schedules that fire more than once a minute have none."""
        first = self.next_after(now)
        return self.next_after(first) - first >= timedelta(minutes=1)


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
