"""Joins the outputs of many items into one: bytes as they are, or texts record by record.

A text that comes out is UTF-8 without a byte order mark, and each of its records ends with a line
feed. docs/pipelines.md lists what else counts as what.
"""

from collections.abc import Callable, Iterable, Iterator
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
    return _JOINERS[how.format](how, parts)


def _plain(_how: Concatenate, parts: Iterable[Part]) -> Iterator[bytes]:
    for part in parts:
        yield from part.chunks


def _text(how: Concatenate, parts: Iterable[Part]) -> Iterator[bytes]:
    for part in parts:
        with _Naming(part):
            yield from _ended(record.content for record in lines(_utf8(how, part)))


def _jsonl(how: Concatenate, parts: Iterable[Part]) -> Iterator[bytes]:
    for part in parts:
        with _Naming(part):
            yield from _ended(_json(record) for record in lines(_utf8(how, part)))


def _json(record: Record) -> bytes:
    try:
        parse(record.content)
    except NotJson as error:
        raise TextUnreadable(f"the line at byte {record.start:,} is not JSON: {error}") from error
    return record.content


def _csv(how: Concatenate, parts: Iterable[Part]) -> Iterator[bytes]:
    fields = Fields(how.delimiter.encode(), how.quote.encode())
    table = _Table(fields)
    for part in parts:
        with _Naming(part):
            found = rows(_utf8(how, part), fields)
            yield from _ended(table.take(found) if how.header else (r.content for r in found))


class _Table:
    """The columns that the first header named, and the rows of all parts in that order."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._columns: list[str] | None = None

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


_JOINERS: dict[TextFormat, Callable[[Concatenate, Iterable[Part]], Iterator[bytes]]] = {
    TextFormat.PLAIN: _plain,
    TextFormat.TEXT: _text,
    TextFormat.CSV: _csv,
    TextFormat.JSONL: _jsonl,
}
