"""The functions of the language."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.autoscale.values import (
    FormulaError,
    Value,
    Vector,
    as_double,
    as_whole,
    kind,
)

# No history holds more elements. The limit stops a vector that doubles in every statement.
MAX_ELEMENTS = 25_000
_EXTRA = frozenset({"ceil", "floor", "round", "vec"})
_EMPTY: Mapping[str, float] = {"zero": 0.0, "nan": math.nan}


def flatten(values: Sequence[Value]) -> Vector:
    """Join doubles and vectors into one vector."""
    flat: list[float] = []
    for value in values:
        flat += value if isinstance(value, tuple) else (as_double(value, strict=True),)
        if len(flat) > MAX_ELEMENTS:
            raise FormulaError(f"a vector may have {MAX_ELEMENTS} elements")
    return tuple(flat)


def parse_time(text: str) -> datetime:
    """Read ISO 8601 or RFC 1123."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            continue
    raise FormulaError(f'time("{text}") is not a time')


def _sum(vector: Vector) -> float:
    try:
        return math.fsum(vector)
    except (ValueError, OverflowError):
        # Infinities of both signs, or a sum above the largest number, add up as IEEE 754 says.
        return sum(vector)


def _deviation(vector: Vector) -> float:
    if len(vector) < 2:  # noqa: PLR2004 - one value does not deviate
        return 0.0
    mean = _sum(vector) / len(vector)
    return math.hypot(*(one - mean for one in vector)) / math.sqrt(len(vector) - 1)


def _round(number: float) -> float:
    return math.copysign(math.floor(abs(number) + 0.5), number)


def _whole(of: Callable[[float], float]) -> Callable[[float], float]:
    return lambda number: float(of(number)) if math.isfinite(number) else number


def _log(of: Callable[[float], float]) -> Callable[[float], float]:
    def logarithm(number: float) -> float:
        if number > 0:
            return of(number)
        return -math.inf if number == 0 else math.nan

    return logarithm


# The functions that reduce a vector to a number; those of the first group need an element.
_REDUCE_SOME: Mapping[str, Callable[[Vector], float]] = {
    "avg": lambda vector: _sum(vector) / len(vector),
    "max": max,
    "min": min,
    "range": lambda vector: max(vector) - min(vector),
}
_REDUCE: Mapping[str, Callable[[Vector], float]] = {
    "len": lambda vector: float(len(vector)),
    "sum": _sum,
    "std": _deviation,
    "norm": lambda vector: math.hypot(*vector),
}
_EACH: Mapping[str, Callable[[float], float]] = {
    "lg": _log(math.log2),
    "ln": _log(math.log),
    "log": _log(math.log10),
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "round": _whole(_round),
}
_BETWEEN: Mapping[str, Callable[[float], float]] = {
    "linear": lambda place: place,
    "lower": math.floor,
    "nearest": _round,
    "higher": math.ceil,
}
_ARITY: Mapping[str, tuple[int, ...]] = {
    "rand": (0,),
    "stop": (0,),
    "time": (0, 1),
    "val": (2,),
    "percentile": (2,),
}
NAMES = frozenset({*_REDUCE_SOME, *_REDUCE, *_EACH, *_ARITY, "vec"})


def exists(name: str, dialect: Dialect) -> bool:
    """Tell whether a function of that name exists."""
    return name in NAMES and (dialect.extra_functions or name not in _EXTRA)


def call(name: str, arguments: Sequence[Value], now: datetime, dialect: Dialect) -> Value:
    """Call an existing function; the caller handles stop()."""
    if name in _ARITY:
        if len(arguments) not in _ARITY[name]:
            raise FormulaError(f"{name}() does not take {len(arguments)} arguments")
        return _special(name, arguments, now, dialect)
    vector = flatten(arguments)
    if name in _REDUCE:
        return _REDUCE[name](vector)
    if name in _REDUCE_SOME:
        return _REDUCE_SOME[name](vector) if vector else _nothing(name, dialect)
    if name == "vec":
        return vector
    if len(arguments) == 1 and isinstance(arguments[0], float):
        return _EACH[name](arguments[0])
    return tuple(_EACH[name](one) for one in vector)


def _nothing(name: str, dialect: Dialect) -> float:
    if dialect.empty_vector == "error":
        raise FormulaError(f"{name}() of an empty vector")
    return _EMPTY[dialect.empty_vector]


def _special(name: str, arguments: Sequence[Value], now: datetime, dialect: Dialect) -> Value:
    if name == "rand":
        return random.random()  # noqa: S311 - the language's own rand(), no secret hangs on it
    if name == "time":
        return _time(arguments[0]) if arguments else now
    vector = _vector(arguments[0], dialect)
    number = as_double(arguments[1], strict=dialect.strict)
    if not vector:
        return _nothing(name, dialect)
    return _element(vector, number) if name == "val" else _percentile(vector, number, dialect)


def _time(text: Value) -> datetime:
    if isinstance(text, str):
        return parse_time(text)
    raise FormulaError(f"time() takes a string, not a {kind(text)}")


def _vector(value: Value, dialect: Dialect) -> Vector:
    if dialect.strict and not isinstance(value, tuple):
        raise FormulaError(f"a doubleVec is expected, not a {kind(value)}")
    return flatten([value])


def _element(vector: Vector, number: float) -> float:
    index = as_whole(number)
    if not 0 <= index < len(vector):
        raise FormulaError(f"val(): index {index} is outside a vector of {len(vector)}")
    return vector[index]


def _percentile(vector: Vector, share: float, dialect: Dialect) -> float:
    if not 0 <= share <= 100:  # noqa: PLR2004 - percent
        raise FormulaError(f"percentile(): {share:g} is not between 0 and 100")
    ordered = sorted(vector)
    place = _BETWEEN[dialect.percentile](share / 100 * (len(ordered) - 1))
    low, rest = math.floor(place), place - math.floor(place)
    if not rest:
        return ordered[low]
    return ordered[low] + (ordered[low + 1] - ordered[low]) * rest
