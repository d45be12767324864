"""NCRONTAB on a wall clock that changes twice a year, as version 5.1 of Azure's timers reads it.

A skipped time fires one shift later, and no second tick follows in the gap. In a repeated hour a
point of time fires once. An interval fires in both passes: any of `*`, `-` and `/` in the second,
minute or hour makes one.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from emulators.functions.timer.ncrontab import NEVER, Ncrontab

_DAY = timedelta(days=1)


def next_in_zone(cron: Ncrontab, zone: ZoneInfo, moment: datetime) -> datetime:
    """Return the first occurrence after a moment, in UTC."""
    local = moment.astimezone(zone)
    shown = local.replace(tzinfo=None, fold=0)
    following = cron.next_after(shown)
    if following == NEVER:
        return NEVER.replace(tzinfo=UTC)
    found = _read(following, zone)
    # With the offset of before: what comes next if the clock had not been put back.
    unchanged = found + (_offset(found, zone) - _offset(moment, zone))
    if unchanged < found and _fires_unchanged(cron, shown, following, unchanged, zone):
        return unchanged
    if not cron.is_interval:
        while _is_repeated(following, zone):
            following = cron.next_after(following)
    return _read(following, zone)


def _fires_unchanged(
    cron: Ncrontab, shown: datetime, following: datetime, unchanged: datetime, zone: ZoneInfo
) -> bool:
    """Tell whether Azure takes no notice of a clock that was put back since `shown`.

    That is right for the first pass of a point of time and the second of an interval. It also
    happens to a point of time within a day after another in the repeated hour.
    """
    if not (_is_repeated(shown, zone) or _is_repeated(following, zone)):
        return False
    if cron.is_interval:
        return _is_repeated(unchanged.astimezone(zone).replace(tzinfo=None, fold=0), zone)
    return _is_repeated(following, zone) or following - shown < _DAY


def _read(shown: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock shows a time: the second of two passes, or one shift after a gap."""
    return shown.replace(tzinfo=zone, fold=int(_is_repeated(shown, zone))).astimezone(UTC)


def _is_repeated(shown: datetime, zone: ZoneInfo) -> bool:
    first, second = (shown.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return (first or timedelta()) > (second or timedelta())


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
