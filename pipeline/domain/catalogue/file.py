"""Reads one YAML file into plain data, with the line of each key.

A definition is untrusted input: no aliases, no tags, no duplicate keys, a bounded size and depth.
Words such as `no` and `on` are text, as in YAML 1.2.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_DIGITS = 18

type Plain = str | int | float | bool | list[Plain] | dict[str, Plain] | None
type Where = tuple[str | int, ...]

_CORE = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a definition; line 0 means that no line can be named."""

    file: str
    line: int
    key: str
    reason: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.reason}" if self.key else f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a file, the line of everything in it, and what is wrong with its form.

    `places` says from which character to which each value lies in the text; of a block, comments
    that follow it are part.
    """

    file: str
    data: dict[str, Plain]
    lines: dict[Where, int]
    problems: tuple[Problem, ...] = ()
    places: dict[Where, tuple[int, int]] = field(default_factory=dict)

    def problem(self, where: Where, reason: str) -> Problem:
        """Make a problem with the line of a place, or of what encloses it."""
        line = next(
            (self.lines[where[:n]] for n in range(len(where), -1, -1) if where[:n] in self.lines), 0
        )
        return Problem(self.file, line, dotted(where), reason)


class UnreadableFile(Exception):
    """The file is not a YAML mapping that can be used."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def dotted(where: Where) -> str:
    """Write a place as people write it: `split.range.step`, `trigger.blob.suffix[0]`."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_document(path: Path, folder: str = "") -> Document:
    """Read a definition file; what can be read of it has its problems beside it.

    Problems name the file in `folder`, by default in the one that it is in. Raises UnreadableFile
    for what is no file of YAML, or no regular file: a pipe would never end.
    """
    name = f"{folder or path.parent.name}/{path.name}"
    try:
        if not path.is_file():
            raise UnreadableFile([Problem(name, 0, "", "is not a regular file")])
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableFile([Problem(name, 0, "", f"cannot be read: {error.strerror}")]) from error
    if len(raw) > MAX_BYTES:
        raise UnreadableFile([Problem(name, 0, "", f"is larger than {MAX_BYTES // 1024} KiB")])
    return parse_document(name, raw)


def parse_document(name: str, raw: bytes) -> Document:
    """Parse the bytes of a definition file. Raises UnreadableFile for what is no mapping."""
    try:
        node = yaml.compose(raw.decode("utf-8-sig"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise UnreadableFile([Problem(name, 0, "", "is not UTF-8 text")]) from error
    except _Refused as refused:
        raise UnreadableFile([Problem(name, refused.line, "", str(refused))]) from refused
    except yaml.YAMLError as error:
        raise UnreadableFile([_yaml_problem(name, error)]) from error
    if not isinstance(node, yaml.MappingNode):
        reason = "is empty" if node is None else "is not a mapping of keys to values"
        raise UnreadableFile([Problem(name, 0 if node is None else 1, "", reason)])
    reading = _Reading(name)
    data = reading.mapping(node, ())
    return Document(name, data, reading.lines, tuple(reading.problems), reading.places)


class _Refused(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Composes nodes only; nothing is ever constructed from a tag."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own registry

    depth = 0

    def get_event(self) -> yaml.Event:
        """Pass an event on. Raises _Refused before deep nesting can exhaust the composer."""
        event: yaml.Event = super().get_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(line, "anchors and aliases are not allowed: write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            self.depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            self.depth -= 1
        if self.depth > MAX_DEPTH:
            raise _Refused(line, f"is nested deeper than {MAX_DEPTH} levels")
        return event


for _tag, _expression, _starts in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
    ("float", r"^[-+]?[0-9]+[eE][-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)$", "-+."),
):
    _Loader.add_implicit_resolver(_CORE + _tag, re.compile(_expression), list(_starts))


def _yaml_problem(name: str, error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        said = error.problem or "cannot be parsed"
        return Problem(name, error.problem_mark.line + 1, "", f"is not valid YAML: {said}")
    return Problem(name, 0, "", "is not valid YAML: it contains a character that is not allowed")


@dataclass(slots=True)
class _Reading:
    """Turns nodes into plain data, and collects lines, places and problems."""

    file: str
    places: dict[Where, tuple[int, int]] = field(default_factory=dict)
    lines: dict[Where, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Plain]:
        """Read a mapping; each key is text and may occur once."""
        data: dict[str, Plain] = {}
        self.lines.setdefault(where, node.start_mark.line + 1)
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(self.file, line, dotted(where), "a key is not text"))
                continue
            key: str = key_node.value
            here = (*where, key)
            if key in data:
                first = self.lines[here]
                self._blame(line, here, f"is given twice; first in line {first}")
                continue
            self.lines[here] = line
            data[key] = self.value(value_node, here)
        return data

    def value(self, node: yaml.Node, where: Where) -> Plain:
        """Read any node."""
        line = node.start_mark.line + 1
        self.lines.setdefault(where, line)
        self.places[where] = (node.start_mark.index, node.end_mark.index)
        if isinstance(node, yaml.MappingNode) and node.tag == _CORE + "map":
            return self.mapping(node, where)
        if isinstance(node, yaml.SequenceNode) and node.tag == _CORE + "seq":
            return [self.value(child, (*where, n)) for n, child in enumerate(node.value)]
        reader = _SCALARS.get(node.tag) if isinstance(node, yaml.ScalarNode) else None
        if reader is None:
            self._blame(line, where, f"the tag {node.tag[:60]} is not allowed")
            return None
        try:
            return reader(node.value)
        except ValueError as error:
            self._blame(line, where, str(error))
            return None

    def _blame(self, line: int, where: Where, reason: str) -> None:
        self.problems.append(Problem(self.file, line, dotted(where), reason))


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number may have at most {MAX_DIGITS} digits")
    return int(text)


def _fractional(text: str) -> float:
    named = text.lower().lstrip("+-") in {".inf", ".nan"}
    value = math.inf if named else float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not a finite number")
    return value


_SCALARS: dict[str, Callable[[str], Plain]] = {
    _CORE + "str": str,
    _CORE + "int": _whole,
    _CORE + "float": _fractional,
    _CORE + "bool": lambda text: text.lower() == "true",
    _CORE + "null": lambda _: None,
}
