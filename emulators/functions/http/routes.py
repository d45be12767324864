"""Which paths a route matches, and how a path is read before: as Kestrel and ASP.NET Core do."""

import re

from emulators.functions.http.templates import Segment, parse

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_LONGEST_CHARACTER = 4
_SLASH = 0x2F


class RouteTemplate:
    """A parsed template; raises ValueError for one that Azure cannot map, or that this host
    lacks."""

    def __init__(self, template: str) -> None:
        self.segments = parse(template)

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route values of a decoded path, or None if it does not match.

        One slash may follow; empty segments match nothing, except in the rest of a path.
        """
        given = path.removeprefix("/").split("/")
        parts = given[:-1] if not given[-1] else given
        values: dict[str, str] = {}
        for index, part in enumerate(parts):
            if not part or index >= len(self.segments):
                return None
            segment = self.segments[index]
            if segment.value is not None and segment.value.rest:
                values[segment.value.name] = "/".join(given[index:])
                break
            found = segment.match(part)
            if found is None:
                return None
            values |= found
        return self._completed(values, self.segments[len(parts) :])

    def _completed(self, values: dict[str, str], missing: list[Segment]) -> dict[str, str] | None:
        for segment in missing:
            value = segment.value
            if value is None or not (value.optional or value.rest or value.default is not None):
                return None
            if value.default is not None:
                values[value.name] = value.default
        named = [part for segment in self.segments for part in segment.parts if part.name]
        return values if all(part.admits(values.get(part.name)) for part in named) else None


def path_of(target: str) -> str | None:
    """Return the decoded path of a request target, without dot segments; None if it is malformed.

    An escaped slash stays escaped, and so do bytes that are not UTF-8.
    """
    path = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?]*", "", target).split("?", 1)[0]
    decoded = _ESCAPES.sub(lambda match: _decoded(match[0]), path)
    return None if "\0" in decoded else _without_dots(decoded)


def _decoded(escapes: str) -> str:
    raw = bytes.fromhex(escapes.replace("%", ""))
    text, position = "", 0
    while position < len(raw):
        candidates = range(1, _LONGEST_CHARACTER + 1)
        length = next((n for n in candidates if _is_character(raw[position : position + n])), 0)
        if length == 0 or raw[position] == _SLASH:
            text += escapes[3 * position : 3 * position + 3]
            position += 1
        else:
            text += raw[position : position + length].decode()
            position += length
    return text


def _is_character(raw: bytes) -> bool:
    try:
        return len(raw.decode()) == 1
    except UnicodeDecodeError:
        return False


def _without_dots(path: str) -> str:
    kept: list[str] = []
    parts = path.split("/")
    for index, part in enumerate(parts):
        if part in (".", ".."):
            if part == ".." and len(kept) > 1:
                kept.pop()
            if index == len(parts) - 1:
                kept.append("")
        else:
            kept.append(part)
    return "/".join(kept)
