"""Reads the parts of an output: neighbours in a pack in one pass, others by themselves.

Small ones are read ahead, several at a time: a service takes milliseconds for each, however small.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipeline.domain.outputs.parts import Part
from pipeline.domain.outputs.slices import Slices
from pipeline.ports.blobs import Blobs, Piece

_GAP = 1 << 20  # bytes that are read and left out rather than asked for apart
_READERS = 8
_AHEAD = 4 << 20  # bytes of the largest read that is not streamed

type Chunks = Callable[[], Iterable[bytes]]


def contents(blobs: Blobs, parts: Iterable[Part]) -> Iterator[tuple[Part, Iterator[bytes]]]:
    """Yield each part with its bytes; what is not read of one is skipped for the next."""
    for together, chunks in _read_ahead(blobs, _neighbours(parts)):
        first = together[0]
        if first.offset is None:
            yield first, iter(chunks())
            continue
        slices = Slices(chunks(), first.offset)
        for part in together:
            yield part, slices.take(part.offset or 0, part.size)


def _read_ahead(
    blobs: Blobs, neighbours: Iterable[Sequence[Part]]
) -> Iterator[tuple[Sequence[Part], Chunks]]:
    """Yield neighbours with the bytes from the first one on; a few are read meanwhile."""
    with ThreadPoolExecutor(_READERS) as pool:
        begun: deque[tuple[Sequence[Part], Chunks]] = deque()
        for together in neighbours:
            begun.append((together, _begun(pool, blobs, together)))
            if len(begun) > _READERS:
                yield begun.popleft()
        yield from begun


def _begun(pool: ThreadPoolExecutor, blobs: Blobs, together: Sequence[Part]) -> Chunks:
    """Begin to read parts that are small, and prepare to stream others."""
    first = together[0]
    ref, offset = first.ref, first.offset or 0
    if first.offset is not None:
        length = (together[-1].end or 0) - offset
    elif first.sha256:
        length = first.size + 1  # a longer blob must not have the digest
    else:
        return lambda: blobs.stream(ref)
    if length > _AHEAD:
        return lambda: blobs.stream(ref, offset, length)
    content = pool.submit(blobs.read, ref, offset, length)
    return lambda: [content.result()]


def pieces(parts: Iterable[Part]) -> Iterator[Piece]:
    """Yield what a composed blob is made of; parts that lie one after another are one piece."""
    last: Piece | None = None
    for part in parts:
        if last and last.ref == part.ref and last.end == part.offset:
            last = Piece(part.ref, last.offset, last.length + part.size)
            continue
        if last:
            yield last
        last = Piece(part.ref, part.offset or 0, part.size)
    if last:
        yield last


def _neighbours(parts: Iterable[Part]) -> Iterator[Sequence[Part]]:
    """Yield parts together that one pass over a blob reads; a part that is a blob is alone."""
    together: list[Part] = []
    for part in parts:
        if together and not _follows(part, together[-1]):
            yield together
            together = []
        together.append(part)
    if together:
        yield together


def _follows(part: Part, last: Part) -> bool:
    if part.offset is None or last.end is None or part.ref != last.ref:
        return False
    return 0 <= part.offset - last.end <= _GAP
