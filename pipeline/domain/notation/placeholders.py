"""Placeholders such as `{input}`: which names a text uses, and how values replace them.

Filling is one pass: a placeholder inside a value stays as it is, and no value reaches a shell.
"""

import re
from collections.abc import Mapping

NAME = r"[a-z][a-z0-9_]{0,31}"
RESERVED = frozenset({"input", "inputs", "output", "item", "parts"})

_TOKEN = re.compile(r"\{\{|\}\}|\{(" + NAME + r")\}|[{}]", re.ASCII)


def names_in(text: str) -> list[str]:
    """List the placeholders of a text in order. Raises ValueError for a stray brace."""
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        if match[1]:
            found.append(match[1])
        elif len(match[0]) == 1:
            raise ValueError(
                f"{text[:60]!r} has a stray {match[0]}: write a placeholder as {{name}}, "
                "and double a literal brace"
            )
    return found


def fill(text: str, values: Mapping[str, object]) -> str:
    """Replace placeholders by their values. Raises KeyError for a name without a value."""

    def replacement(match: re.Match[str]) -> str:
        return as_text(values[match[1]]) if match[1] else match[0][0]

    return _TOKEN.sub(replacement, text)


def as_text(value: object) -> str:
    """Write a parameter as programs read it: `true`, `false`, or the plain number or text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
