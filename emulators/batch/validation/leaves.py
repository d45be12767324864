"""Checks single values by type: accepts them, converts them where clients in use need it, or
refuses."""

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from emulators.batch.document import parse_duration, parse_stamp
from emulators.batch.errors import BatchError, invalid

# A check returns the value to continue with, or raises; values are whatever JSON holds.
type Check = Callable[[Any], Any]

_INT32 = 1 << 31
# Far enough from the ends of the calendar that a century can be added to every moment.
_YEARS = range(1601, 9000)
_TRUTHS = {"true": True, "false": False}


def wrong_type(name: str, value: object, wanted: str) -> BatchError:
    """Build the refusal of a value with the wrong JSON type."""
    return BatchError(
        "InvalidRequestBody",
        PropertyName=name,
        PropertyValue=str(value)[:200],
        Reason=f"The value has to be {wanted}.",
    )


def text(name: str) -> Check:
    """Accept a string."""

    def check(value: Any) -> Any:  # noqa: ANN401 - see Check
        if type(value) is not str:
            raise wrong_type(name, value, "a string")
        return value

    return check


def integer(name: str) -> Check:
    """Accept a whole number of 32 bits, also as text."""

    def check(value: Any) -> Any:  # noqa: ANN401 - see Check
        found = value
        if type(found) is not int:
            found = _whole(found)
        if found is None:
            raise wrong_type(name, value, "a whole number")
        if not -_INT32 <= found < _INT32:
            raise invalid(name, value, "The value does not fit into 32 bits.")
        return found

    return check


def _whole(value: Any) -> int | None:  # noqa: ANN401 - see Check
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and len(value) <= 20:  # noqa: PLR2004 - longer than any 32-bit number
        digits = value.strip()
        if digits.removeprefix("-").isdigit() and digits.isascii():
            return int(digits)
    return None


def real(name: str) -> Check:
    """Accept any finite number, also as text."""

    def check(value: Any) -> Any:  # noqa: ANN401 - see Check
        try:
            found = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            found = math.nan
        if not math.isfinite(found):
            raise wrong_type(name, value, "a number")
        return value if isinstance(value, int | float) else found

    return check


def truth(name: str) -> Check:
    """Accept true and false, also as text."""

    def check(value: Any) -> Any:  # noqa: ANN401 - see Check
        if value is True or value is False:
            return value
        found = _TRUTHS.get(value.strip().lower()) if isinstance(value, str) else None
        if found is None:
            raise wrong_type(name, value, "true or false")
        return found

    return check


def moment(name: str) -> Check:
    """Accept an ISO 8601 moment."""

    def check(value: Any) -> Any:  # noqa: ANN401 - see Check
        try:
            year = parse_stamp(value).year
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            raise invalid(name, value, "The value has to be an ISO 8601 date and time.") from error
        if year not in _YEARS:
            raise invalid(name, value, f"The year must be from {_YEARS[0]} to {_YEARS[-1]}.")
        return value

    return check


def duration(name: str) -> Check:
    """Accept an ISO 8601 duration."""

    def check(value: Any) -> Any:  # noqa: ANN401 - see Check
        length_of(name, value)
        return value

    return check


def length_of(name: str, value: Any) -> timedelta:  # noqa: ANN401 - see Check
    """Return a duration, or refuse."""
    try:
        return parse_duration(value)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise invalid(name, value, "The value has to be an ISO 8601 duration.") from error


def one_of(name: str, values: list[str]) -> Check:
    """Accept one of some words, regardless of case."""
    known = {value.lower() for value in values}

    def check(value: Any) -> Any:  # noqa: ANN401 - see Check
        if type(value) is not str:
            raise wrong_type(name, value, "a string")
        if value.lower() not in known:
            raise invalid(name, value, f"The value must be one of {', '.join(values)}.")
        return value

    return check


def mapping(name: str) -> Check:
    """Accept an object with any values, also as JSON text."""

    def check(value: Any) -> Any:  # noqa: ANN401 - see Check
        if type(value) is not dict and type(value) is not str:
            raise wrong_type(name, value, "an object")
        return value

    return check


def anything(_: str) -> Check:
    """Accept every value."""
    return lambda value: value


LEAVES: Mapping[str, Callable[[str], Check]] = {
    "text": text,
    "integer": integer,
    "number": real,
    "boolean": truth,
    "time": moment,
    "duration": duration,
    "map": mapping,
    "any": anything,
}
