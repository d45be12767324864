"""What the operators do to each pair of types; strict by the
documentation's table, lenient where formulas in use are."""

import math
import operator
from collections.abc import Callable
from datetime import datetime, timedelta

from emulators.batch.autoscale.values import FormulaError, Value, Vector, as_double, kind

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_PLAIN: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


# The documentation's table; what is not in it but has a meaning is lenient.
_DOCUMENTED = {
    *(("double", sign, "double") for sign in "+-*/"),
    *(("doubleVec", sign, "double") for sign in "+-*/"),
    *(("doubleVec", sign, "doubleVec") for sign in "+-*/"),
    ("double", "*", "timeinterval"),
    ("timeinterval", "*", "double"),
    ("timeinterval", "/", "double"),
    ("timeinterval", "+", "timeinterval"),
    ("timeinterval", "-", "timeinterval"),
    ("timeinterval", "+", "timestamp"),
    ("timestamp", "+", "timeinterval"),
    ("timestamp", "-", "timestamp"),
}


def documented(sign: str, left: Value, right: Value) -> bool:
    """Tell whether the documentation has this operator for these operands."""
    return (kind(left), sign, kind(right)) in _DOCUMENTED


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)


def arithmetic(sign: str, left: Value, right: Value) -> Value:
    """Compute `left sign right`, or raise FormulaError for a pair that has no meaning."""
    if isinstance(left, float | tuple) and isinstance(right, float | tuple):
        return _numbers(sign, left, right)
    try:
        return _times(sign, left, right)
    except (OverflowError, ValueError) as error:
        raise FormulaError("a time is out of range") from error


def _numbers(sign: str, left: float | Vector, right: float | Vector) -> Value:
    compute = _PLAIN.get(sign, _divide)
    if isinstance(left, float) and isinstance(right, float):
        return compute(left, right)
    if isinstance(left, tuple) and isinstance(right, tuple):
        if len(left) != len(right):
            raise FormulaError(
                f"vectors of {len(left)} and {len(right)} elements cannot be combined"
            )
        return tuple(compute(one, other) for one, other in zip(left, right, strict=True))
    if isinstance(left, tuple):
        return tuple(compute(one, as_double(right)) for one in left)
    return (
        tuple(compute(left, other) for other in right)
        if isinstance(right, tuple)
        else compute(left, right)
    )


def _times(sign: str, left: Value, right: Value) -> Value:
    match sign, left, right:
        case ("*", float() as factor, timedelta() as span) | (
            "*",
            timedelta() as span,
            float() as factor,
        ):
            return span * factor
        case "/", timedelta(), float() if right:
            return left / right
        case "+", timedelta() | datetime(), timedelta():
            return left + right
        case "+", timedelta(), datetime():
            return right + left
        case "-", timedelta(), timedelta():
            return left - right
        case "-", datetime(), datetime() | timedelta():
            return left - right
    raise FormulaError(f"{kind(left)} {sign} {kind(right)} is not defined")


def compare(sign: str, left: Value, right: Value) -> float:
    """Compare two values of one type; 1 or 0."""
    if isinstance(left, float | tuple) and isinstance(right, float | tuple):
        return float(_COMPARE[sign](as_double(left), as_double(right)))
    for sort in (str, datetime, timedelta):
        if isinstance(left, sort) and isinstance(right, sort):
            # Only equal types arrive here, and all three are ordered.
            return float(_COMPARE[sign](left, right))  # type: ignore[arg-type]  # ordered as floats are
    raise FormulaError(f"{kind(left)} {sign} {kind(right)} is not defined")


def negate(sign: str, value: Value) -> Value:
    """Apply a sign."""
    if isinstance(value, timedelta):
        return -value if sign == "-" else value
    return -as_double(value) if sign == "-" else as_double(value)
