"""Splits that cut the input into parts: lines, rows of a table, or bytes between marks.

An item knows its part by spans of places; the node cuts it out of the input. Pure, like split.py.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.domain.plans.split import Item, PlanError, Span, some
from pipeline.domain.texts.records import MAX_RECORD, Record

type Read = Callable[[int, int], bytes]

_WINDOW = 1 << 20  # bytes that are read at once in search of a mark


@dataclass(frozen=True)
class Lines:
    """What the items of a text get: the parameter that has their lines, a file of them, or both."""

    per_item: int
    skip_header: bool = False
    text: str | None = "lines"
    file: bool = False


def split_lines(records: Iterable[Record], how: Lines, *, after: int = 0) -> Iterator[Item]:
    """Make items of the lines of a text. Raises PlanError if there are none.

    If items were made before, `after` of them, the records are those that follow.
    """
    _check_positive("lines_per_item", how.per_item)
    found = itertools.islice(records, 1 if how.skip_header and not after else 0, None)
    groups = enumerate(itertools.batched(found, how.per_item, strict=False), after)
    items = (
        Item(
            number,
            {how.text: _text(group)} if how.text else {},
            spans=_spans(group) if how.file else (),
            end=group[-1].end,
        )
        for number, group in groups
    )
    return some(items, "the input has no lines: there is nothing to do", after=after)


def split_rows(
    records: Iterable[Record], per_item: int, *, header: bool, after: int = 0
) -> Iterator[Item]:
    """Make items of the rows of a table; with a header, each item has it before its rows.

    If items were made before, the records are the header, and the rows that follow. Raises
    PlanError if there are no rows.
    """
    _check_positive("rows_per_item", per_item)
    rest = iter(records)
    first = tuple(itertools.islice(rest, 1)) if header else ()
    items = _rows(first, rest, per_item, after)
    return some(items, "the table has no rows: there is nothing to do", after=after)


def _rows(
    header: Sequence[Record], rest: Iterable[Record], per_item: int, after: int
) -> Iterator[Item]:
    begin = after * per_item
    for number, group in enumerate(itertools.batched(rest, per_item, strict=False), after):
        end = begin + len(group)
        given = {"start": begin, "end": end, "index": number}
        yield Item(number, given, spans=_spans((*header, *group)), end=group[-1].end)
        begin = end


def split_bytes(
    size: int,
    per_item: int,
    end_of_record: Callable[[int], int],
    *,
    after: int = 0,
    begin: int = 0,
) -> Iterator[Item]:
    """Make items of at least `per_item` bytes each; only the last may have fewer.

    `end_of_record` returns the first place, at or after the one given, where the input may be cut.
    If items were made before, the next one begins at `begin`.
    """
    _check_positive("bytes_per_item", per_item)
    items = _bytes((begin, size), per_item, end_of_record, after)
    return some(items, "the input has no bytes", after=after)


def _bytes(
    span: Span, per_item: int, end_of_record: Callable[[int], int], after: int
) -> Iterator[Item]:
    begin, size = span
    for number in itertools.count(after):
        if begin >= size:
            return
        wanted = begin + per_item
        end = min(end_of_record(wanted), size) if wanted < size else size
        given = {"start": begin, "end": end, "index": number}
        yield Item(number, given, spans=((begin, end),), end=end)
        begin = end


@dataclass(frozen=True)
class Marks:
    """Where an input may be cut: after `end`, or before a line that begins with `start`."""

    read: Read
    size: int
    end: bytes = b""
    start: bytes = b""

    def at_or_after(self, place: int) -> int:
        """Return the first place where the input may be cut. Raises PlanError for a huge record."""
        if not self.end and not self.start:
            return place
        mark = self.end or b"\n" + self.start
        keep = len(mark) if self.end else 1  # bytes of the mark that belong to what is before
        begin = max(place - keep, 0)
        held = b""
        at = begin
        while at < self.size:
            chunk = self.read(at, _WINDOW)
            if not chunk:
                break
            held += chunk
            found = held.find(mark)
            if found >= 0:
                return begin + found + keep
            at = begin + len(held)
            if len(held) > MAX_RECORD:
                raise PlanError(
                    f"within {MAX_RECORD:,} bytes after byte {begin:,} no record ends: is the mark "
                    f"{mark[:40]!r} right?"
                )
        return self.size


def _check_positive(key: str, value: int) -> None:
    if value < 1:
        raise PlanError(f"{key} is {value}; it must be at least 1")


def _text(group: Sequence[Record]) -> str:
    return b"\n".join(record.content for record in group).decode()


def _spans(records: Iterable[Record]) -> tuple[Span, ...]:
    """Return where records lie; neighbours are one span."""
    spans: list[Span] = []
    for record in records:
        if spans and spans[-1][1] == record.start:
            spans[-1] = (spans[-1][0], record.end)
        else:
            spans.append((record.start, record.end))
    return tuple(spans)
