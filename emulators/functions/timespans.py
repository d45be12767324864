"""Time spans as .NET parses them, `[-][d.]hh:mm[:ss[.f]]`, and the clock that tests may speed
up."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MOST_DAYS = 10_675_199  # what .NET's 64 bits of 100 ns hold
_SPAN = re.compile(
    r"(?P<minus>-)?(?:(?P<only>\d+)|"
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d+):(?P<minutes>\d+)(?::(?P<seconds>\d+)"
    r"(?::(?P<fourth>\d+))?(?:\.(?P<fraction>\d{1,7}))?)?)",
    re.ASCII,
)
_HOURS, _SIXTY = 24, 60


def parse_span(value: str) -> float:
    """Return the seconds of a time span; raises ValueError for text that .NET refuses.

    A bare number is days, and so is the first of three numbers if it is above 23.
    """
    match = _SPAN.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is not a time span (hh:mm:ss)")
    days, hours, minutes, seconds = _numbers(match)
    fraction = int((match["fraction"] or "").ljust(6, "0")[:6])
    fits = days <= _MOST_DAYS and hours < _HOURS and minutes < _SIXTY and seconds < _SIXTY
    if not fits or (match["fourth"] and match["days"]):
        raise ValueError(f"{value!r} is not a time span: a part is out of range")
    span = timedelta(days, seconds, fraction, minutes=minutes, hours=hours).total_seconds()
    return -span if match["minus"] else span


def _numbers(match: re.Match[str]) -> tuple[int, int, int, int]:
    """Return days, hours, minutes and seconds; `d:hh:mm` has days because no day has 24 hours."""
    if match["only"]:
        return int(match["only"]), 0, 0, 0
    first, second, third = (int(match[name] or 0) for name in ("hours", "minutes", "seconds"))
    if match["fourth"]:
        return first, second, third, int(match["fourth"])
    if first >= _HOURS and match["seconds"] and not match["days"] and not match["fraction"]:
        return first, second, third, 0
    return int(match["days"] or 0), first, second, third


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """Shortens the long waits of the host: with scale 60, ten minutes pass in ten seconds.

    It applies to visibility, its renewal and retry delays. Schedules and `functionTimeout` stay in
    real time, because they meet the outside world.
    """

    scale: float = 1.0
    now: Callable[[], datetime] = _now

    def shorten(self, seconds: float) -> float:
        """Return how long to wait in real seconds."""
        return seconds / self.scale

    def visibility(self, seconds: float) -> int:
        """Return the whole seconds to ask of the queue service, cut off as Azure does.

        A faster clock leaves at least one of them.
        """
        whole = int(seconds)
        return whole if self.scale == 1 else max(int(whole / self.scale), min(whole, 1))
