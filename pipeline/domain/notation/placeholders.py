"""Placeholders such as `{input}`: which names a text uses, and filling them in.

Filling is plain substitution in one pass: no value is expanded again, and none reaches a shell.
"""

import re
from collections.abc import Mapping

NAME = r"[a-z][a-z0-9_]{0,31}"
RESERVED = frozenset({"input", "inputs", "output", "item", "parts"})

_TOKEN = re.compile(r"\{\{|\}\}|\{(" + NAME + r")\}|[{}]", re.ASCII)


def names_in(text: str) -> list[str]:
    """List the placeholders of a text in order; raise ValueError on a stray brace."""
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        if match[1]:
            found.append(match[1])
        elif len(match[0]) == 1:
            raise ValueError(
                f"{text[:60]!r} has a stray {match[0]}: placeholders look like {{name}}, "
                "a literal brace is doubled"
            )
    return found


def fill(text: str, values: Mapping[str, object]) -> str:
    """Put the values in place of their placeholders; raise KeyError for a name without a value."""

    def replacement(match: re.Match[str]) -> str:
        return as_text(values[match[1]]) if match[1] else match[0][0]

    return _TOKEN.sub(replacement, text)


def as_text(value: object) -> str:
    """Write a parameter the way programs read it: `true` and `false`, numbers without frills."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
