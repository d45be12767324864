"""Patterns of blob names: globs, and paths whose placeholders give parameters.

`*` and `?` stand for characters of one folder's or file's name, `**` as a whole part for any
folders, and `{name}` for one part or a piece of it. Names are hostile: matching takes time in
proportion to their length.
"""

import functools
import re
from collections.abc import Mapping

from pipeline.domain.notation.placeholders import NAME

LONGEST = 256
MOST_DEEP = 2  # each `**` multiplies the work by the number of folders
_TOKEN = re.compile(r"(?P<any>\*+)|(?P<one>\?)|\{(?P<name>" + NAME + r")\}|(?P<text>[^*?]+?)")
_PLACEHOLDER = re.compile(r"\{(" + NAME + r")\}", re.ASCII)
_DEEP = "**"


def check_pattern(text: str) -> str:
    """Return a pattern. Raises ValueError for one that means nothing, or several things."""
    plain = _PLACEHOLDER.sub("", text)
    names = placeholders_of(text)
    if not text or len(text) > LONGEST:
        raise ValueError(f"a pattern has 1 to {LONGEST} characters")
    if "{" in plain or "}" in plain:
        raise ValueError(f"{text[:60]!r} has a stray brace: write a placeholder as {{name}}")
    if len(set(names)) < len(names):
        raise ValueError(f"{text[:60]!r} has a placeholder twice")
    parts = text.split("/")
    if parts.count(_DEEP) > MOST_DEEP:
        raise ValueError(f"{text[:60]!r} has ** more than {MOST_DEEP} times")
    if any(_DEEP in part for part in parts if part != _DEEP):
        raise ValueError(f"{text[:60]!r} has ** beside other characters: it stands for whole parts")
    if re.search(r"[*}][*{]", text.replace(_DEEP, "")):
        raise ValueError(f"{text[:60]!r} has two wildcards side by side: which takes what?")
    return text


def placeholders_of(pattern: str) -> list[str]:
    """List the placeholders of a pattern in order."""
    return _PLACEHOLDER.findall(pattern)


def matched(pattern: str, name: str) -> Mapping[str, str] | None:
    """Return the values of the placeholders, or None if the name does not match."""
    found = _compiled(pattern).fullmatch(name)
    return found.groupdict() if found else None


@functools.lru_cache(1000)
def _compiled(pattern: str) -> re.Pattern[str]:
    *folders, last = pattern.split("/")
    parts = [r"(?:[^/]+/)*" if part == _DEEP else f"{_part(part)}/" for part in folders]
    return re.compile("".join(parts) + (r".+" if last == _DEEP else _part(last)), re.DOTALL)


def _part(text: str) -> str:
    """Translate one part; each wildcard but the last takes as little as it can, for good."""
    pieces: list[tuple[str, str]] = [("", "")]  # a wildcard, and the text after it
    for token in _TOKEN.finditer(text):
        if token["any"]:
            pieces.append((r"[^/]*", ""))
        elif token["name"]:
            pieces.append((rf"(?P<{token['name']}>[^/]+)", ""))
        else:
            wildcard, after = pieces[-1]
            pieces[-1] = (wildcard, after + (r"[^/]" if token["one"] else re.escape(token[0])))
    first, *others = pieces
    lazy = [f"(?>{_lazy(wildcard)}{after})" for wildcard, after in others[:-1]]
    end = [f"{wildcard}{after}(?=/|\\Z)" for wildcard, after in others[-1:]]
    return first[1] + "".join([*lazy, *end])


def _lazy(wildcard: str) -> str:
    return wildcard.replace("[^/]*", "[^/]*?").replace("[^/]+", "[^/]+?")
