"""The values a formula computes with, and how results are written."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

type Vector = tuple[float, ...]
type Value = float | Vector | str | datetime | timedelta

INTERVALS: Mapping[str, timedelta] = {
    "TimeInterval_Zero": timedelta(),
    # A tenth of a microsecond is below what Python's clock can hold.
    "TimeInterval_100ns": timedelta(),
    "TimeInterval_Microsecond": timedelta(microseconds=1),
    "TimeInterval_Millisecond": timedelta(milliseconds=1),
    "TimeInterval_Second": timedelta(seconds=1),
    "TimeInterval_Minute": timedelta(minutes=1),
    "TimeInterval_Hour": timedelta(hours=1),
    "TimeInterval_Day": timedelta(days=1),
    "TimeInterval_Week": timedelta(weeks=1),
    "TimeInterval_Year": timedelta(weeks=52),
}
MEMBERS: Mapping[str, Callable[[datetime], float]] = {
    "year": lambda moment: float(moment.year),
    "month": lambda moment: float(moment.month),
    "day": lambda moment: float(moment.day),
    "weekday": lambda moment: float(moment.isoweekday()),
    "hour": lambda moment: float(moment.hour),
    "minute": lambda moment: float(moment.minute),
    "second": lambda moment: float(moment.second),
}


class FormulaError(Exception):
    """The evaluation fails; the pool stays as it is."""

    code = "AutoScalingFormulaEvaluationError"
    words = "The specified auto-scaling formula has evaluation error"


class InsufficientData(FormulaError):
    """Fewer samples exist than the formula demands."""

    code = "InsufficientSampleData"
    words = "Autoscale evaluation failed due to insufficient sample data"


def kind(value: object) -> str:
    """Return the language's own name of a value's type."""
    names = {
        float: "double",
        tuple: "doubleVec",
        str: "string",
        datetime: "timestamp",
        timedelta: "timeinterval",
    }
    return names.get(type(value), "object")


def as_double(value: Value) -> float:
    """Return a number; a vector of one element counts as one."""
    if isinstance(value, float):
        return value
    if isinstance(value, tuple) and len(value) == 1:
        return value[0]
    raise FormulaError(f"a double is expected, not a {kind(value)}")


def as_whole(value: Value) -> int:
    """Return a number truncated to a whole one; no number is infinite or missing here."""
    number = as_double(value)
    if not math.isfinite(number):
        raise FormulaError(f"a finite number is expected, not {written(number)}")
    return int(number)


def as_interval(value: Value) -> timedelta:
    """Return an interval or fail."""
    if isinstance(value, timedelta):
        return value
    raise FormulaError(f"a timeinterval is expected, not a {kind(value)}")


def written(value: Value) -> str:
    """Write a value as the results string does."""
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    if isinstance(value, tuple):
        return "[" + ",".join(written(one) for one in value) + "]"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, timedelta):
        return _written_interval(value)
    return value


def _written_interval(value: timedelta) -> str:
    sign, whole = ("-", -value) if value < timedelta() else ("", value)
    hours, rest = divmod(whole.seconds, 3600)
    text = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    text += f".{whole.microseconds * 10:07}" if whole.microseconds else ""
    return f"{sign}{f'{whole.days}.' if whole.days else ''}{text}"
