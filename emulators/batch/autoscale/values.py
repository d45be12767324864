"""The values that a formula computes with, and how they look in results."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

type Vector = tuple[float, ...]
type Value = float | Vector | str | datetime | timedelta

INTERVALS: Mapping[str, timedelta] = {
    "TimeInterval_Zero": timedelta(),
    # Python's clock cannot hold a tenth of a microsecond.
    "TimeInterval_100ns": timedelta(),
    "TimeInterval_Microsecond": timedelta(microseconds=1),
    "TimeInterval_Millisecond": timedelta(milliseconds=1),
    "TimeInterval_Second": timedelta(seconds=1),
    "TimeInterval_Minute": timedelta(minutes=1),
    "TimeInterval_Hour": timedelta(hours=1),
    "TimeInterval_Day": timedelta(days=1),
    "TimeInterval_Week": timedelta(weeks=1),
}
YEAR = "TimeInterval_Year"
MEMBERS: Mapping[str, Callable[[datetime], float]] = {
    "year": lambda moment: float(moment.year),
    "month": lambda moment: float(moment.month),
    "day": lambda moment: float(moment.day),
    "weekday": lambda moment: float(moment.isoweekday()),
    "hour": lambda moment: float(moment.hour),
    "minute": lambda moment: float(moment.minute),
    "second": lambda moment: float(moment.second),
}


class Keyword(str):
    """A bare word of the language, such as requeue."""

    __slots__ = ()


class FormulaError(Exception):
    """The evaluation fails; the pool stays as it is."""

    code = "AutoScalingFormulaEvaluationError"
    words = "The specified auto-scaling formula has evaluation error"
    _place = ""

    def at(self, line: int | None, column: int | None) -> None:
        """Add the place of the error, unless a more exact one is known."""
        if line and not self._place:
            self._place = f"Line {line}, Col {column}: "

    def __str__(self) -> str:
        return self._place + super().__str__()


class InsufficientData(FormulaError):
    """The history has fewer samples than the formula demands."""

    code = "InsufficientSampleData"
    words = "Autoscale evaluation failed due to insufficient sample data"


_KINDS: Mapping[type, str] = {
    float: "double",
    tuple: "doubleVec",
    str: "string",
    Keyword: "string",
    datetime: "timestamp",
    timedelta: "timeinterval",
}


def kind(value: object) -> str:
    """Return the language's own name of a value's type."""
    return _KINDS[type(value)]


def as_double(value: Value, *, strict: bool) -> float:
    """Return a number; unless strict, a vector of one element counts as a number."""
    if isinstance(value, float):
        return value
    if isinstance(value, tuple) and len(value) == 1 and not strict:
        return value[0]
    raise FormulaError(f"a double is expected, not a {kind(value)}")


def as_whole(number: float) -> int:
    """Return a number without its fraction; raises FormulaError if it is not finite."""
    if not math.isfinite(number):
        raise FormulaError(f"{number:g} is not a finite number")
    return int(number)


def written(value: Value, interval_format: str = "clock") -> str:
    """Write a value as the results string does."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return "[" + ",".join(f"{one:.6g}" for one in value) + "]"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, timedelta):
        return _INTERVAL_FORMATS[interval_format](value)
    return value


def _clock(value: timedelta) -> str:
    sign, whole = ("-", -value) if value < timedelta() else ("", value)
    hours, rest = divmod(whole.seconds, 3600)
    text = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    text += f".{whole.microseconds * 10:07}" if whole.microseconds else ""
    return f"{sign}{f'{whole.days}.' if whole.days else ''}{text}"


def _iso(value: timedelta) -> str:
    sign, whole = ("-", -value) if value < timedelta() else ("", value)
    hours, rest = divmod(whole.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{whole.microseconds:06}".rstrip("0") if whole.microseconds else ""
    parts = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    parts += f"{seconds}{fraction}S" if seconds or fraction else ""
    days = f"{whole.days}D" if whole.days else ""
    return f"{sign}P{days}{f'T{parts}' if parts else '' if days else 'T0S'}"


_INTERVAL_FORMATS: Mapping[str, Callable[[timedelta], str]] = {"clock": _clock, "iso": _iso}
