"""The functions of the language."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from emulators.batch.autoscale.values import (
    FormulaError,
    Value,
    Vector,
    as_double,
    as_whole,
    kind,
)


def flatten(values: Sequence[Value]) -> Vector:
    """Join doubles and vectors into one vector."""
    flat: list[float] = []
    for value in values:
        if isinstance(value, tuple):
            flat += value
        else:
            flat.append(as_double(value))
    return tuple(flat)


def parse_time(text: str) -> datetime:
    """Read ISO 8601 or RFC 1123."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except ValueError:
            continue
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    raise FormulaError(f'time("{text}") is not a time')


def _sum(vector: Vector) -> float:
    # Not math.fsum or statistics: those raise where IEEE arithmetic has an infinity or no number.
    return float(sum(vector))


def _mean(vector: Vector) -> float:
    return _sum(vector) / len(vector) if vector else 0.0


def _deviation(vector: Vector) -> float:
    if len(vector) < 2:  # noqa: PLR2004 - one value deviates from nothing
        return 0.0
    mean = _mean(vector)
    return math.hypot(*(one - mean for one in vector)) / math.sqrt(len(vector) - 1)


def _percentile(vector: Vector, share: float) -> float:
    if math.isnan(share):
        raise FormulaError("percentile() takes a number from 0 to 100")
    if not vector:
        return 0.0
    ordered = sorted(vector)
    place = min(max(share, 0.0), 100.0) / 100 * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _round(number: float) -> float:
    return math.copysign(math.floor(abs(number) + 0.5), number)


def _log(of: Callable[[float], float]) -> Callable[[float], float]:
    def logarithm(number: float) -> float:
        if number > 0:
            return of(number)
        return -math.inf if number == 0 else math.nan

    return logarithm


_REDUCE: Mapping[str, Callable[[Vector], float]] = {
    "avg": _mean,
    "len": lambda vector: float(len(vector)),
    "max": lambda vector: max(vector, default=0.0),
    "min": lambda vector: min(vector, default=0.0),
    "sum": _sum,
    "range": lambda vector: max(vector, default=0.0) - min(vector, default=0.0),
    "std": _deviation,
    "norm": lambda vector: math.hypot(*vector),
}
_EACH: Mapping[str, Callable[[float], float]] = {
    "lg": _log(math.log2),
    "ln": _log(math.log),
    "log": _log(math.log10),
    "ceil": lambda number: float(math.ceil(number)) if math.isfinite(number) else number,
    "floor": lambda number: float(math.floor(number)) if math.isfinite(number) else number,
    "round": lambda number: _round(number) if math.isfinite(number) else number,
}


def call(name: str, arguments: Sequence[Value], now: datetime) -> Value | None:
    """Call a function; None when there is none of that name."""
    if name in _REDUCE:
        return _REDUCE[name](flatten(arguments))
    if name in _EACH:
        if len(arguments) == 1 and isinstance(arguments[0], float):
            return _EACH[name](arguments[0])
        return tuple(_EACH[name](one) for one in flatten(arguments))
    return _special(name, arguments, now)


def _special(name: str, arguments: Sequence[Value], now: datetime) -> Value | None:
    if name == "vec":
        return flatten(arguments)
    if name == "rand" and not arguments:
        return random.random()  # noqa: S311 - the language's own rand(), no secret hangs on it
    if name == "time":
        if not arguments:
            return now
        if isinstance(arguments[0], str):
            return parse_time(arguments[0])
        raise FormulaError(f"time() takes a string, not a {kind(arguments[0])}")
    if name in ("val", "percentile"):
        return _indexed(name, arguments)
    return None


def _indexed(name: str, arguments: Sequence[Value]) -> float:
    if len(arguments) != 2:  # noqa: PLR2004 - the vector and its index
        raise FormulaError(f"{name}() takes a vector and a number")
    vector, number = flatten(arguments[:1]), as_double(arguments[1])
    if name == "percentile":
        return _percentile(vector, number)
    index = as_whole(number)
    if not vector:
        return 0.0
    if not 0 <= index < len(vector):
        raise FormulaError(f"val(): index {index} is outside a vector of {len(vector)}")
    return vector[index]
