"""Finds the records of a UTF-8 text as it streams by: lines, or the rows of a table.

A record ends with a line feed, or with the text. Carriage returns before the line feed belong to
the end. A record of nothing but white space is blank, and counts for nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.domain.texts.encodings import TextUnreadable
from pipeline.domain.texts.fields import Fields

MAX_RECORD = 16 << 20  # bytes
_CLASSIC_MAC = (
    "the lines of the text end with carriage returns alone, as on a classic Mac: convert them to "
    "line feeds"
)

type _Line = tuple[int, int, bytes]  # start, end, and the content without the line feed


@dataclass(frozen=True, slots=True)
class Record:
    """A record: where it lies, its end included, and its content without the end."""

    start: int
    end: int
    content: bytes


def lines(chunks: Iterable[bytes], start: int = 0, *, goes_on: bool = False) -> Iterator[Record]:
    """Yield the lines that are not blank; `start` is the place of the first byte.

    `goes_on` says that records came before. Raises TextUnreadable for a line of over 16 MiB.
    """
    return _not_blank(_lines(chunks, start, goes_on=goes_on))


def rows(
    chunks: Iterable[bytes], fields: Fields, start: int = 0, *, goes_on: bool = False
) -> Iterator[Record]:
    """Yield the rows that are not blank; within quotes, a line feed belongs to a field.

    Raises TextUnreadable for a row of over 16 MiB, and for a quote that is never closed.
    """
    return _not_blank(_rows(_lines(chunks, start, goes_on=goes_on), fields))


def _not_blank(found: Iterable[_Line]) -> Iterator[Record]:
    for start, end, content in found:
        if content.strip():
            yield Record(start, end, content.rstrip(b"\r"))


def _lines(chunks: Iterable[bytes], start: int, *, goes_on: bool) -> Iterator[_Line]:
    held, at = b"", start
    for chunk in chunks:
        *whole, held = (held + chunk).split(b"\n")
        for line in whole:
            end = at + len(line) + 1
            yield at, end, line
            at = end
        _check_length(at, len(held))
    if at == start and not goes_on and b"\r" in held.rstrip(b"\r"):
        raise TextUnreadable(_CLASSIC_MAC)
    if held:
        yield at, at + len(held), held


def _rows(found: Iterable[_Line], fields: Fields) -> Iterator[_Line]:
    begun: list[bytes] = []
    start = 0
    for at, end, line in found:
        within = fields.ends_within(line, within=bool(begun))
        if not begun:
            if not within:
                yield at, end, line
                continue
            start = at
        begun.append(line)
        _check_length(start, end - start)
        if not within:
            yield start, end, b"\n".join(begun)
            begun = []
    if begun:
        raise TextUnreadable(f"the row at byte {start:,} has a quote that is never closed")


def _check_length(start: int, size: int) -> None:
    if size > MAX_RECORD:
        raise TextUnreadable(
            f"the record at byte {start:,} is longer than {MAX_RECORD:,} bytes: is a quote never "
            "closed, or is this no text?"
        )
