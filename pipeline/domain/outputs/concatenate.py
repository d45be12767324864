"""Joins the outputs of many items into one text, streaming chunks of bytes."""

from collections.abc import Callable, Iterable, Iterator

from pipeline.domain.definitions.stages import TextFormat
from pipeline.errors import Permanent

MAX_HEADER = 1024 * 1024

type Part = Iterable[bytes]


class AssembleError(Permanent):
    """The outputs cannot be assembled."""


def concatenate(text_format: TextFormat, parts: Iterable[Part]) -> Iterator[bytes]:
    """Yield the joined text. Raises AssembleError when a part does not fit the others."""
    joiners: dict[TextFormat, Callable[[Iterable[Part]], Iterator[bytes]]] = {
        TextFormat.PLAIN: _plain,
        TextFormat.CSV: _csv,
        TextFormat.JSONL: _jsonl,
    }
    return joiners[text_format](parts)


def _plain(parts: Iterable[Part]) -> Iterator[bytes]:
    for part in parts:
        yield from part


def _jsonl(parts: Iterable[Part]) -> Iterator[bytes]:
    for part in parts:
        yield from _ending_in_newline(part)


def _csv(parts: Iterable[Part]) -> Iterator[bytes]:
    header: bytes | None = None
    for number, part in enumerate(parts):
        own, rows = _cut_header(part, number)
        if own is None:
            continue
        if header is None:
            header = own
            yield own + b"\n"
        elif _bare(own) != _bare(header):
            raise AssembleError(
                f"part {number} has another CSV header than the first part: "
                f"{_shown(own)} instead of {_shown(header)}"
            )
        yield from _ending_in_newline(rows)


def _cut_header(part: Part, number: int) -> tuple[bytes | None, Iterator[bytes]]:
    """Return a part's header record without its newline, and the rows; None if it is empty."""
    chunks = iter(part)
    seen = b""
    for chunk in chunks:
        seen += chunk
        end = _record_end(seen)
        if end is not None:
            return seen[:end], _chain(seen[end + 1 :], chunks)
        if len(seen) > MAX_HEADER:
            raise AssembleError(f"part {number} has a CSV header of more than 1 MiB")
    return seen or None, iter(())


def _record_end(data: bytes) -> int | None:
    """Find the newline that ends the first record: the first one outside quotes."""
    start = quotes = 0
    while (end := data.find(b"\n", start, MAX_HEADER)) >= 0:
        quotes += data.count(b'"', start, end)
        if quotes % 2 == 0:
            return end
        start = end + 1
    return None


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _ending_in_newline(part: Part) -> Iterator[bytes]:
    last = b"\n"
    for chunk in part:
        if chunk:
            last = chunk
            yield chunk
    if not last.endswith(b"\n"):
        yield b"\n"


def _bare(header: bytes) -> bytes:
    """Strip a byte order mark and a carriage return, which do not matter."""
    return header.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r")


def _shown(header: bytes) -> str:
    return repr(header[:80].decode("utf-8", "replace"))
