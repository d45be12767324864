"""Joins the outputs of many items into one: bytes as they are, or texts record by record.

A text that comes out is UTF-8 without a byte order mark, and each of its records ends with a line
feed. docs/pipelines.md lists what else counts as what.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.domain.definitions.stages import Concatenate, TextFormat
from pipeline.domain.texts.encodings import TextUnreadable, opened
from pipeline.domain.texts.fields import Fields
from pipeline.domain.texts.records import Record, lines, rows
from pipeline.domain.texts.strict_json import NotJson, parse
from pipeline.errors import Permanent

_PIECE = 1 << 20  # bytes that are passed on at once
_SHOWN = 5  # columns that an error names


class AssembleError(Permanent):
    """The outputs cannot be assembled."""


@dataclass(frozen=True)
class Part:
    """One output of an item: what errors call it, and its bytes."""

    label: str
    chunks: Iterable[bytes]


def concatenate(how: Concatenate, parts: Iterable[Part]) -> Iterator[bytes]:
    """Yield the joined output. Raises AssembleError, which names the part that does not fit."""
    joiner = Joiner(how)
    for part in parts:
        yield from joiner.join(part)


class Joiner:
    """Joins parts, one after another."""

    def __init__(self, how: Concatenate) -> None:
        self._how = how
        self._fields = Fields(how.delimiter.encode(), how.quote.encode())
        self._table = _Table(self._fields) if how.format is TextFormat.CSV and how.header else None

    def join(self, part: Part) -> Iterator[bytes]:
        """Yield what a part adds to the output. Raises AssembleError, which names the part."""
        if self._how.format is TextFormat.PLAIN:
            yield from part.chunks
            return
        with _Naming(part):
            yield from _ended(self._records(part))

    def learn(self, parts: Iterable[Part]) -> None:
        """Read again what the first of the parts say about the others, to go on after some."""
        if self._table is None:
            return
        for part in parts:
            with _Naming(part):
                if self._table.learn(rows(_utf8(self._how, part), self._fields)):
                    return

    def _records(self, part: Part) -> Iterator[bytes]:
        text = _utf8(self._how, part)
        match self._how.format:
            case TextFormat.JSONL:
                return map(_json, lines(text))
            case TextFormat.CSV:
                found = rows(text, self._fields)
                return self._table.take(found) if self._table else (r.content for r in found)
            case _:
                return (record.content for record in lines(text))


def _json(record: Record) -> bytes:
    try:
        parse(record.content)
    except NotJson as error:
        raise TextUnreadable(f"the line at byte {record.start:,} is not JSON: {error}") from error
    return record.content


class _Table:
    """The columns that the first header named, and the rows of all parts in that order."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._columns: list[str] | None = None

    def learn(self, found: Iterator[Record]) -> bool:
        """Take the columns from the header of a part; return whether it has one."""
        header = next(found, None)
        if header is not None:
            self._columns = self._fields.values(header.content)
        return header is not None

    def take(self, found: Iterator[Record]) -> Iterator[bytes]:
        """Yield the rows of a part, and the header before those of the first."""
        header = next(found, None)
        if header is None:
            return
        columns = self._fields.values(header.content)
        if self._columns is None:
            self._columns = columns
            yield header.content
        if columns == self._columns:
            yield from (row.content for row in found)
        else:
            order = _order(columns, self._columns)
            yield from (self._ordered(row, order) for row in found)

    def _ordered(self, row: Record, order: list[int]) -> bytes:
        cut = self._fields.cut(row.content)
        if len(cut) != len(order):
            raise TextUnreadable(
                f"the row at byte {row.start:,} has {len(cut)} fields, but the header has "
                f"{len(order)}: its columns cannot be put in the order of the first part"
            )
        return self._fields.delimiter.join(cut[place] for place in order)


def _order(columns: list[str], wanted: list[str]) -> list[int]:
    """Return where each wanted column is. Raises TextUnreadable unless there are just those."""
    missing = [name for name in wanted if name not in columns]
    surplus = [name for name in columns if name not in wanted]
    if missing or surplus:
        said = [f"lacks {_named(missing)}"] * bool(missing) + [
            f"also has {_named(surplus)}"
        ] * bool(surplus)
        raise TextUnreadable(f"its header {' and '.join(said)}, unlike that of the first part")
    if len(set(wanted)) < len(wanted) or len(columns) != len(wanted):
        raise TextUnreadable(
            "its header has the columns of the first part in another order, and a name twice: "
            "which is which cannot be told"
        )
    return [columns.index(name) for name in wanted]


def _named(columns: list[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in columns[:_SHOWN])
    more = len(columns) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _utf8(how: Concatenate, part: Part) -> Iterator[bytes]:
    return opened(part.chunks, how.encoding).utf8()


class _Naming:
    """Names the part in an error about its text."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, TextUnreadable):
            raise AssembleError(f"{self._part.label}: {error}") from error


def _ended(contents: Iterable[bytes]) -> Iterator[bytes]:
    """End every record with a line feed, and pass many on at once."""
    held: list[bytes] = []
    size = 0
    for content in contents:
        held += (content, b"\n")
        size += len(content)
        if size > _PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
