"""Lengths of time as people write them: `90s`, `10m`, `1h30m`, `2d`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

PATTERN = r"^(?:\d{1,5}d)?(?:\d{1,5}h)?(?:\d{1,5}m)?(?:\d{1,7}s)?$"
LONGEST = timedelta(days=180)  # Batch itself ends a task after 180 days

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_HINT = "write it like 90s, 10m, 1h30m or 2d"


def parse_duration(text: object) -> timedelta:
    """Read a text such as `1h30m` as a timedelta of whole seconds. Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not text or not re.fullmatch(PATTERN, text, re.ASCII):
        raise ValueError(f"{_shown(text)} is not a duration: {_HINT}")
    seconds = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([dhms])", text))
    length = timedelta(seconds=seconds)
    if not timedelta(0) < length <= LONGEST:
        raise ValueError(f"{_shown(text)} is not between 1s and {format_duration(LONGEST)}")
    return length


def format_duration(length: timedelta) -> str:
    """Write a timedelta in the form that `parse_duration` reads; fractions of a second are cut."""
    rest = int(length.total_seconds())
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _shown(text: object) -> str:
    return repr(text)[:60]


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": PATTERN, "minLength": 2, "examples": ["90s", "10m", "1h30m"]}
    ),
]
