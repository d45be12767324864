"""Decides whether an event passes a subscription's filter. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from emulators.eventgrid.events import Event

_MAX_FILTERS = 25
_MAX_TEXT = 512


class BadFilter(ValueError):
    """The filter is one that Event Grid would refuse."""


@dataclass(frozen=True)
class AdvancedFilter:
    """One operator on one key; one of its values must match."""

    operator: str
    key: str
    values: tuple[object, ...]


@dataclass(frozen=True)
class Filter:
    """What a subscription wants to see; all parts must hold."""

    event_types: frozenset[str] | None = None
    begins_with: str = ""
    ends_with: str = ""
    case_sensitive: bool = False
    advanced: tuple[AdvancedFilter, ...] = ()
    on_arrays: bool = False


def parse_filter(arm: Mapping[str, object]) -> Filter:
    """Read a filter in ARM form; raises BadFilter."""
    types = cast(Sequence[str] | None, arm.get("includedEventTypes"))
    raw = cast(Sequence[Mapping[str, object]], arm.get("advancedFilters") or ())
    advanced = tuple(_parse_advanced(item) for item in raw)
    if sum(max(1, len(item.values)) for item in advanced) > _MAX_FILTERS:
        raise BadFilter(f"Advanced filters may hold {_MAX_FILTERS} values altogether.")
    return Filter(
        event_types=None if not types or "All" in types else frozenset(types),
        begins_with=str(arm.get("subjectBeginsWith") or ""),
        ends_with=str(arm.get("subjectEndsWith") or ""),
        case_sensitive=bool(arm.get("isSubjectCaseSensitive")),
        advanced=advanced,
        on_arrays=bool(arm.get("enableAdvancedFilteringOnArrays")),
    )


def passes(wanted: Filter, event: Event) -> bool:
    """Tell whether the event passes every part of the filter."""
    if wanted.event_types is not None and event.type not in wanted.event_types:
        return False
    subject, begin, end = event.subject, wanted.begins_with, wanted.ends_with
    if not wanted.case_sensitive:
        subject, begin, end = subject.lower(), begin.lower(), end.lower()
    if not (subject.startswith(begin) and subject.endswith(end)):
        return False
    return all(_holds(item, event, wanted.on_arrays) for item in wanted.advanced)


def _parse_advanced(item: Mapping[str, object]) -> AdvancedFilter:
    operator = str(item.get("operatorType"))
    if operator not in OPERATORS:
        raise BadFilter(f"Unknown operatorType {operator!r}.")
    key = item.get("key")
    if not isinstance(key, str) or not key:
        raise BadFilter(f"{operator} needs a key.")
    values = tuple(cast(Sequence[object], item["values"])) if "values" in item else ()
    if "value" in item:
        values = (item["value"],)
    if operator not in _UNARY and not values:
        raise BadFilter(f"{operator} on {key} needs a value.")
    _check_values(operator, key, values)
    return AdvancedFilter(operator, key, values)


def _check_values(operator: str, key: str, values: tuple[object, ...]) -> None:
    for value in values:
        if operator.startswith("String") and not _is_short_text(value):
            raise BadFilter(f"{operator} on {key} takes strings of at most {_MAX_TEXT} characters.")
        if operator.endswith("InRange") or operator == "NumberNotInRange":
            if not (
                isinstance(value, list | tuple) and [_number(v) for v in value].count(None) == 0
            ):
                raise BadFilter(f"{operator} on {key} takes pairs of numbers.")
        elif operator.startswith("Number") and _number(value) is None:
            raise BadFilter(f"{operator} on {key} takes numbers.")
        elif operator == "BoolEquals" and not isinstance(value, bool):
            raise BadFilter(f"BoolEquals on {key} takes true or false.")


def _is_short_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT


def _holds(item: AdvancedFilter, event: Event, on_arrays: bool) -> bool:
    found = _look_up(event.body, item.key)
    if item.operator in _UNARY:
        return (found is None) is (item.operator == "IsNullOrUndefined")
    candidates = found if on_arrays and isinstance(found, list) else [found]
    matches = OPERATORS[item.operator]
    hit = any(matches(candidate, value) for candidate in candidates for value in item.values)
    # A negated operator holds wherever its opposite does not: also for a missing key or another
    # type.
    return not hit if item.operator in _NEGATED else hit


def _look_up(body: Mapping[str, object], key: str) -> object:
    found: object = body
    for part in key.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _numbers(compare: Callable[[float, float], bool]) -> Callable[[object, object], bool]:
    def matches(candidate: object, value: object) -> bool:
        left, right = _number(candidate), _number(value)
        return left is not None and right is not None and compare(left, right)

    return matches


def _texts(compare: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    def matches(candidate: object, value: object) -> bool:
        if not isinstance(candidate, str) or not isinstance(value, str):
            return False
        return compare(candidate.lower(), value.lower())

    return matches


def _in_range(candidate: object, value: object) -> bool:
    number = _number(candidate)
    low, high = cast(Sequence[float], value)
    return number is not None and low <= number <= high


def _never(_candidate: object, _value: object) -> bool:
    return False


_UNARY = frozenset({"IsNullOrUndefined", "IsNotNull"})
_POSITIVE: dict[str, Callable[[object, object], bool]] = {
    "NumberIn": _numbers(lambda a, b: a == b),
    "NumberLessThan": _numbers(lambda a, b: a < b),
    "NumberLessThanOrEquals": _numbers(lambda a, b: a <= b),
    "NumberGreaterThan": _numbers(lambda a, b: a > b),
    "NumberGreaterThanOrEquals": _numbers(lambda a, b: a >= b),
    "NumberInRange": _in_range,
    "BoolEquals": lambda candidate, value: isinstance(candidate, bool) and candidate is value,
    "StringContains": _texts(lambda a, b: b in a),
    "StringBeginsWith": _texts(str.startswith),
    "StringEndsWith": _texts(str.endswith),
    "StringIn": _texts(lambda a, b: a == b),
}
_NEGATED = {
    "NumberNotIn": "NumberIn",
    "NumberNotInRange": "NumberInRange",
    "StringNotContains": "StringContains",
    "StringNotBeginsWith": "StringBeginsWith",
    "StringNotEndsWith": "StringEndsWith",
    "StringNotIn": "StringIn",
}
OPERATORS = {
    **_POSITIVE,
    **{negated: _POSITIVE[opposite] for negated, opposite in _NEGATED.items()},
    **dict.fromkeys(_UNARY, _never),
}
