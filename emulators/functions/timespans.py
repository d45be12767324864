"""Time spans in the form of .NET, `[d.]hh:mm:ss[.fff]`, and the clock that tests may speed up."""

import math
import re
from dataclasses import dataclass

_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,7})?))?")


def parse_span(value: str) -> float:
    """Return the seconds of a time span; raises ValueError for other text."""
    match = _SPAN.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is not a time span (hh:mm:ss)")
    days, hours, minutes, seconds = match.groups(default="0")
    return int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)


@dataclass(frozen=True)
class Clock:
    """Shortens the long waits of the host: with scale 60, ten minutes pass in ten seconds.

    It applies to visibility, its renewal and retry delays. Schedules and `functionTimeout` stay in
    real time, because they meet the outside world.
    """

    scale: float = 1.0

    def shorten(self, seconds: float) -> float:
        """Return how long to wait in real seconds."""
        return seconds / self.scale

    def visibility(self, seconds: float) -> int:
        """Return the whole seconds to ask of the queue service; only zero becomes zero."""
        return math.ceil(seconds / self.scale)
