"""Constraints of route values, as ASP.NET Core understands them; values are text without a
culture."""

import re
from collections.abc import Callable

type Constraint = Callable[[str], bool]

_GUID = r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"
_INTEGER = r"\s*[+-]?\d+\s*"
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


def _integer_below(limit: int) -> Constraint:
    return lambda text: bool(re.fullmatch(_INTEGER, text, re.ASCII) and -limit <= int(text) < limit)


_is_long = _integer_below(_LONG)


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
    return lambda text: _is_long(text) and lowest <= int(text) <= highest


def _regex(pattern: str) -> Constraint:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda text: compiled.search(text) is not None


_WITH_ARGUMENTS: dict[str, Callable[[str], Constraint]] = {
    "length": _length,
    "minlength": lambda given: lambda text: len(text) >= int(given),
    "maxlength": lambda given: lambda text: len(text) <= int(given),
    "min": lambda given: lambda text: _is_long(text) and int(text) >= int(given),
    "max": lambda given: lambda text: _is_long(text) and int(text) <= int(given),
    "range": _range,
    "regex": _regex,
}
_PLAIN: dict[str, Constraint] = {
    "int": _integer_below(_INT),
    "long": _is_long,
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
