"""Route templates of HTTP functions, such as `items/{id:int}/{part?}` and `{*rest}`."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_SEGMENT = re.compile(r"\{(?P<star>\*)?(?P<name>\w+)(?::(?P<constraint>\w+))?(?P<optional>\?)?\}")
_CONSTRAINTS = {
    "": r".+",
    "int": r"-?\d+",
    "long": r"-?\d+",
    "alpha": r"[A-Za-z]+",
    "bool": r"(?i:true|false)",
    "guid": r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}",
}


@dataclass(frozen=True)
class Segment:
    """One part of a template: a literal, or a value with a pattern."""

    literal: str = ""
    name: str = ""
    pattern: str = ""
    optional: bool = False
    rest: bool = False

    @property
    def rank(self) -> int:
        """Return how specific the segment is; lower is more specific."""
        return (
            (0 if self.literal else 1)
            + (1 if self.pattern == ".+" else 0)
            + (2 if self.rest else 0)
        )


class RouteTemplate:
    """A parsed template; raises ValueError for a template that it cannot express."""

    def __init__(self, template: str) -> None:
        self.segments = [_segment(part) for part in template.strip("/").split("/") if part]

    @property
    def specificity(self) -> list[int]:
        """Return the sort key: the most specific template comes first."""
        return [segment.rank for segment in self.segments]

    def match(self, raw_path: str) -> dict[str, str] | None:
        """Return the route values of a still encoded path, or None if it does not match."""
        parts = [part for part in raw_path.strip("/").split("/") if part]
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if segment.rest:
                values[segment.name] = unquote("/".join(parts[index:]))
                return values
            if index >= len(parts):
                if segment.optional:
                    continue
                return None
            if not _fits(segment, unquote(parts[index]), values):
                return None
        return values if len(parts) <= len(self.segments) else None


def _fits(segment: Segment, part: str, values: dict[str, str]) -> bool:
    if segment.literal:
        return segment.literal.lower() == part.lower()
    if re.fullmatch(segment.pattern, part, re.DOTALL) is None:
        return False
    values[segment.name] = part
    return True


def _segment(part: str) -> Segment:
    match = _SEGMENT.fullmatch(part)
    if match is None:
        if "{" in part or "}" in part:
            raise ValueError(f"route segment {part!r} is not supported")
        return Segment(literal=part)
    pattern = _CONSTRAINTS.get(match["constraint"] or "")
    if pattern is None:
        raise ValueError(f"route constraint {match['constraint']!r} is not supported")
    return Segment(
        name=match["name"],
        pattern=pattern,
        optional=bool(match["optional"]),
        rest=bool(match["star"]),
    )
