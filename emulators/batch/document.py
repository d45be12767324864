"""Documents, timestamps and durations in the JSON of the service."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

# A payload is whatever a client sent. Unknown properties are kept and returned, so it has no
# narrower type.
type Doc = dict[str, Any]

FOREVER = "P10675199DT2H48M5.4775807S"
_DURATION = re.compile(
    r"^P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def stamp(moment: datetime) -> str:
    """Write a moment in the way of the service: UTC, with a fraction, and with a final Z."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_stamp(text: str) -> datetime:
    """Read an ISO 8601 moment; raises ValueError for other text."""
    trimmed = _FRACTION.sub(lambda found: "." + found[1], text.strip())
    moment = datetime.fromisoformat(trimmed)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(f"{text[:50]} is before the year 1 or after 9999 in UTC.") from error


def parse_duration(text: str) -> timedelta:
    """Read an ISO 8601 duration without months and years; raises ValueError for other text."""
    found = _DURATION.match(text.strip())
    parts = {
        key: float(value) for key, value in (found.groupdict() if found else {}).items() if value
    }
    if not parts:
        raise ValueError(f"{text!r} is not an ISO 8601 duration")
    return timedelta(**parts)


def written_duration(seconds: float) -> str:
    """Write a duration in ISO 8601."""
    whole = timedelta(seconds=max(0.0, seconds))
    minutes, rest = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "H"), (minutes, "M"), (rest + whole.microseconds / 1e6, "S")]
    times = "".join(f"{number:.9g}{unit}" for number, unit in parts if number)
    days = f"{whole.days}D" if whole.days else ""
    return f"P{days}{'T' + times if times else ''}" if days or times else "PT0S"


def seconds_of(duration: str | None) -> float | None:
    """Return the seconds of an ISO duration, or None if it means "no limit"."""
    if not duration:
        return None
    limit = parse_duration(duration).total_seconds()
    return None if limit >= timedelta(days=36500).total_seconds() else limit
