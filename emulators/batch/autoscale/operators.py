"""What the operators do with each pair of types: as documented, and more where formulas in use need
it."""

import math
import operator
from collections.abc import Callable
from datetime import datetime, timedelta

from emulators.batch.autoscale.dialect import Dialect
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


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def binary(sign: str, left: Value, right: Value, dialect: Dialect) -> Value:
    """Compute `left sign right`; raises FormulaError for types that the operator does not
    accept."""
    if sign in _COMPARE:
        return _compare(sign, left, right, dialect)
    if isinstance(left, float | tuple) and isinstance(right, float | tuple):
        return _numbers(sign, left, right, dialect)
    try:
        result = _times(sign, left, right, dialect)
    except (OverflowError, ValueError) as error:
        raise FormulaError("a time is out of range") from error
    if result is None:
        raise _undefined(sign, left, right)
    return result


def _undefined(sign: str, left: Value, right: Value) -> FormulaError:
    return FormulaError(f"{kind(left)} {sign} {kind(right)} is not defined")


def _numbers(sign: str, left: float | Vector, right: float | Vector, dialect: Dialect) -> Value:
    compute = _PLAIN.get(sign, _divide)
    if sign == "/" and dialect.division_by_zero == "error" and _has_zero(right):
        raise FormulaError("division by zero")
    if isinstance(left, float) and isinstance(right, float):
        return compute(left, right)
    if isinstance(left, float) and isinstance(right, tuple):
        if dialect.strict:
            raise _undefined(sign, left, right)
        return tuple(compute(left, other) for other in right)
    if isinstance(left, tuple) and isinstance(right, float):
        return tuple(compute(one, right) for one in left)
    return _vectors(compute, left, right, dialect)  # type: ignore[arg-type]  # all else is done


def _has_zero(divisor: float | Vector) -> bool:
    return 0.0 in (divisor if isinstance(divisor, tuple) else (divisor,))


def _vectors(
    compute: Callable[[float, float], float], left: Vector, right: Vector, dialect: Dialect
) -> Vector:
    if len(left) != len(right) and dialect.unequal_vectors == "error":
        raise FormulaError(f"vectors of {len(left)} and {len(right)} elements cannot be combined")
    return tuple(compute(one, other) for one, other in zip(left, right, strict=False))


def _times(sign: str, left: Value, right: Value, dialect: Dialect) -> Value | None:
    match sign, left, right:
        case ("*", float(), timedelta()) | ("*", timedelta(), float()):
            return left * right  # type: ignore[operator]  # a number and an interval
        case "/", timedelta(), float() if right:
            return left / right
        case ("+", timedelta(), timedelta() | datetime()) | ("+", datetime(), timedelta()):
            return left + right  # type: ignore[operator]  # a time and an interval
        case ("-", timedelta(), timedelta()) | ("-", datetime(), datetime()):
            return left - right  # type: ignore[operator]  # two of one type
    return None if dialect.strict else _off_table(sign, left, right)


def _off_table(sign: str, left: Value, right: Value) -> Value | None:
    match sign, left, right:
        case "-", datetime(), timedelta():
            return left - right
        case "/", timedelta(), timedelta() if right:
            return left / right
    return None


def _compare(sign: str, left: Value, right: Value, dialect: Dialect) -> float:
    if isinstance(left, float | tuple) and isinstance(right, float | tuple):
        strict = dialect.strict
        pair = as_double(left, strict=strict), as_double(right, strict=strict)
        return float(_COMPARE[sign](*pair))
    for sort in (str, datetime, timedelta):
        if isinstance(left, sort) and isinstance(right, sort):
            # Only equal types arrive here, and all three types are ordered.
            return float(_COMPARE[sign](left, right))  # type: ignore[arg-type]  # ordered as floats are
    raise _undefined(sign, left, right)


def prefix(sign: str, value: Value, dialect: Dialect) -> Value:
    """Apply `-` or `!`."""
    if sign == "!":
        return float(as_double(value, strict=dialect.strict) == 0)
    if isinstance(value, timedelta):
        try:
            return -value
        except OverflowError as error:
            raise FormulaError("a time is out of range") from error
    return -as_double(value, strict=dialect.strict)
