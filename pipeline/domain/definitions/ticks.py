"""Which ticks of a schedule are due: local times in the schedule's zone, returned in UTC.

A time of day that a clock change skips fires as if the clock had not changed. A time that occurs
twice fires only the first time, unless the expression fires in every hour: then it fires both
times. Azure's timers do the same, except that they lose all skipped times but the first, and
repeat some expressions that name their hours.
"""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipeline.domain.definitions.trigger import Catchup, ScheduleTrigger
from pipeline.domain.notation.cron import Cron, parse_cron

LATE = timedelta(seconds=150)  # older ticks were missed and are subject to catch-up
MAX_TICKS = 500  # of one call; the next call continues from there

_MARGIN = timedelta(hours=26)  # no offset and no clock change is larger


def due_ticks(schedule: ScheduleTrigger, last: datetime, until: datetime) -> list[datetime]:
    """List the ticks in (last, until], oldest first, as the catch-up rule selects them.

    After a full answer (`MAX_TICKS` ticks) record its last tick: the next call continues there.
    """
    cron, zone = parse_cron(schedule.cron), ZoneInfo(schedule.time_zone)
    if schedule.catchup is Catchup.ALL:
        return list(itertools.islice(_between(cron, zone, last, until), MAX_TICKS))
    fresh = list(_between(cron, zone, max(last, until - LATE), until))
    if fresh or schedule.catchup is Catchup.NONE:
        return fresh
    newest = _newest(cron, zone, last, until - LATE)
    return [newest] if newest else []


def _between(cron: Cron, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    first, final = _local_day(after - _MARGIN, zone), _local_day(until + _MARGIN, zone)
    pending: list[datetime] = []
    for offset in range((final - first).days + 1):
        day = first + timedelta(days=offset)
        found = {*pending, *_on_day(cron, zone, day, after, until)}
        # In every zone, ticks of later days come after this day's midnight in UTC.
        edge = datetime.combine(day, time(), UTC)
        yield from sorted(tick for tick in found if tick < edge)
        pending = [tick for tick in found if tick >= edge]
    yield from sorted(pending)


def _newest(cron: Cron, zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    day = _local_day(until + _MARGIN, zone)
    first = _local_day(after - _MARGIN, zone)
    best: datetime | None = None
    while day >= first:
        best = max(_on_day(cron, zone, day, after, until), default=best)
        if best and datetime.combine(day, time(), UTC) + timedelta(days=1) < best:
            break
        day -= timedelta(days=1)
    return best


def _on_day(
    cron: Cron, zone: ZoneInfo, day: date, after: datetime, until: datetime
) -> Iterator[datetime]:
    """Yield the ticks of one local day that lie in (after, until], possibly twice."""
    if not cron.matches_day(day):
        return
    for hour in cron.hours:
        for minute in cron.minutes:
            local = datetime.combine(day, time(hour, minute), zone)
            for moment in _instants(local, interval=cron.every_hour):
                if after - timedelta(minutes=1) < moment <= until:
                    ticks = (moment + timedelta(seconds=second) for second in cron.seconds)
                    yield from (tick for tick in ticks if after < tick <= until)


def _instants(local: datetime, *, interval: bool) -> set[datetime]:
    """Return when a local time fires: once, or twice for an interval in a repeated hour."""
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    is_repeated = first < second  # of a skipped time the first is the later one
    return {first, second} if interval and is_repeated else {first}


def _local_day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
