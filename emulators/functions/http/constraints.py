"""Constraints of route values, as ASP.NET Core understands them; values are text without a
culture."""

import re
from collections.abc import Callable

type Constraint = Callable[[str], bool]

_GUID = r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"
# Zeros in front do not count; 20 digits are more than any 64-bit number has.
_INTEGER = re.compile(r"\s*([+-]?)0*(\d{1,20})\s*", re.ASCII)
_PATTERNS = {
    "alpha": r"[a-z]*",
    "bool": r"\s*(?:true|false)\s*",
    "decimal": r"\s*[+-]?(?:\d[\d,]*\.?\d*|\.\d+)\s*",
    "double": r"\s*(?:[+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|[+-]?infinity|[+-]?∞)\s*",
    "guid": rf"{_GUID}|\{{{_GUID}\}}|\({_GUID}\)",
    "required": r".+",
    "file": r".*\.[^/.][^/]*",
    "nonfile": r"(?!.*\.[^/.]).*",
}
_INT, _LONG = 2**31, 2**63


def _between(lowest: int, highest: int) -> Constraint:
    def holds(text: str) -> bool:
        found = _INTEGER.fullmatch(text)
        return found is not None and lowest <= int(found[1] + found[2]) <= highest

    return holds


def _matches(pattern: str) -> Constraint:
    compiled = re.compile(pattern, re.IGNORECASE | re.ASCII | re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None


def _numbers(arguments: str, count: int) -> list[int]:
    numbers = [int(part) for part in arguments.split(",")]
    if len(numbers) != count:
        raise ValueError(arguments)
    return numbers


def _length(arguments: str) -> Constraint:
    shortest, longest = _numbers(arguments, 2) if "," in arguments else 2 * _numbers(arguments, 1)
    return lambda text: shortest <= len(text) <= longest


def _range(arguments: str) -> Constraint:
    lowest, highest = _numbers(arguments, 2)
    return _between(lowest, highest)


def _regex(pattern: str) -> Constraint:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda text: compiled.search(text) is not None


_WITH_ARGUMENTS: dict[str, Callable[[str], Constraint]] = {
    "length": _length,
    "minlength": lambda given: lambda text: len(text) >= int(given),
    "maxlength": lambda given: lambda text: len(text) <= int(given),
    "min": lambda given: _between(int(given), _LONG - 1),
    "max": lambda given: _between(-_LONG, int(given)),
    "range": _range,
    "regex": _regex,
}
_PLAIN: dict[str, Constraint] = {
    "int": _between(-_INT, _INT - 1),
    "long": _between(-_LONG, _LONG - 1),
    "float": _matches(_PATTERNS["double"]),
    **{name: _matches(pattern) for name, pattern in _PATTERNS.items()},
}


def constraint_of(text: str) -> Constraint:
    """Return what `int`, `length(2,3)` and the like ask of a value; raises ValueError."""
    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", text, re.DOTALL)
    name, arguments = (match[1].lower(), match[2]) if match else (text, None)
    try:
        if arguments is None:
            return _PLAIN[name]
        return _WITH_ARGUMENTS[name](arguments)
    except (LookupError, ValueError, re.error) as error:
        raise ValueError(f"route constraint {text!r} is not supported") from error
