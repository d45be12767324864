"""Route templates such as `items/{id:int}/{part?}` and `{*rest}`, parsed as ASP.NET Core does."""

import itertools
import re
from dataclasses import dataclass

from emulators.functions.http.constraints import Constraint, constraint_of

_TOKEN = re.compile(
    r"/|(?P<value>\{(?!\{)(?:[^{}]|\{\{|\}\})*\})|(?P<literal>(?:[^{}?/]|\{\{|\}\})+)", re.DOTALL
)
_VALUE = re.compile(
    r"(?P<stars>\*{0,2})(?P<name>[^/{}?*:=]+)(?P<constraints>(?::[^:=(?]+(?:\(.*?\))?)*)"
    r"(?:=(?P<default>.*?))?(?P<optional>\?)?",
    re.DOTALL,
)
_CONSTRAINT = re.compile(r":([^:=(?]+(?:\(.*?\))?)(?=:|$)", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """A literal, or a value with its name."""

    literal: str = ""
    name: str = ""
    constraints: tuple[Constraint, ...] = ()
    default: str | None = None
    optional: bool = False
    rest: bool = False

    def admits(self, value: str | None) -> bool:
        """Tell whether the constraints take a value; an optional one may be missing."""
        if value is None:
            return self.optional or not self.constraints
        return all(constraint(value) for constraint in self.constraints)


@dataclass(frozen=True)
class Segment:
    """What stands between two slashes: one part, or several that share it."""

    parts: tuple[Part, ...]

    @property
    def value(self) -> Part | None:
        """Return the value that has the segment for itself, if there is one."""
        return self.parts[0] if len(self.parts) == 1 and self.parts[0].name else None

    def match(self, text: str) -> dict[str, str] | None:
        """Return the values in the text of a segment; the last literal counts first."""
        found = re.fullmatch(self._pattern(self.parts), text, re.IGNORECASE | re.DOTALL)
        if found is None and self.parts[-1].optional and self.value is None:
            # An optional value takes the point before it along.
            found = re.fullmatch(self._pattern(self.parts[:-2]), text, re.IGNORECASE | re.DOTALL)
        if found is None:
            return None
        names = [part.name for part in self.parts if part.name]
        return dict(zip(names, found.groups(), strict=False))

    @staticmethod
    def _pattern(parts: tuple[Part, ...]) -> str:
        return "".join("(.+)" if part.name else re.escape(part.literal) for part in parts)


def parse(template: str) -> list[Segment]:
    """Return the segments of a template; raises ValueError for one that Azure cannot map."""
    if template.startswith(("/", "~")):
        raise ValueError(f"route {template!r} starts with {template[0]!r}")
    segments = _segments(template)
    names = [part.name.lower() for segment in segments for part in segment.parts if part.name]
    if len(names) > len(set(names)):
        raise ValueError(f"route {template!r} names a value twice")
    if any(part.rest for segment in segments[:-1] for part in segment.parts):
        raise ValueError(f"route {template!r} goes on after a value that takes the rest")
    return segments


def _segments(template: str) -> list[Segment]:
    """Split at the slashes outside of braces; one slash at the end is fine."""
    segments: list[list[Part]] = [[]]
    position = 0
    while position < len(template):
        token = _TOKEN.match(template, position)
        if token is None:
            raise ValueError(f"route {template!r} cannot be read from {template[position:]!r} on")
        position = token.end()
        if token["value"]:
            segments[-1].append(_value(_unescaped(token["value"][1:-1])))
        elif token["literal"]:
            segments[-1].append(Part(literal=_unescaped(token["literal"])))
        else:
            segments.append([])
    if not segments[-1]:
        segments.pop()
    if not all(segments):
        raise ValueError(f"route {template!r} has an empty segment")
    return [_checked(parts) for parts in segments]


def _unescaped(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _value(text: str) -> Part:
    match = _VALUE.fullmatch(text)
    if match is None or (match["optional"] and (match["stars"] or match["default"] is not None)):
        raise ValueError(f"route value {{{text}}} is not supported")
    return Part(
        name=match["name"],
        constraints=tuple(map(constraint_of, _CONSTRAINT.findall(match["constraints"]))),
        default=match["default"],
        optional=bool(match["optional"]),
        rest=bool(match["stars"]),
    )


def _checked(parts: list[Part]) -> Segment:
    """Refuse what cannot share a segment; raises ValueError."""
    shared = len(parts) > 1
    for before, part in itertools.pairwise(parts):
        if before.name and part.name:
            raise ValueError(f"route values {before.name} and {part.name} touch each other")
        if before.optional or (part.optional and before.literal != "."):
            raise ValueError("an optional route value shares its segment only behind a point")
    if shared and any(part.rest for part in parts):
        raise ValueError("a route value that takes the rest has its segment for itself")
    return Segment(tuple(parts))
