"""Reads the parts of an output: neighbours in a pack in one pass, others by themselves."""

from collections.abc import Iterable, Iterator, Sequence

from pipeline.domain.outputs.slices import Slices
from pipeline.handlers.collecting.gather import Part
from pipeline.ports.blobs import Blobs, Piece

_GAP = 1 << 20  # bytes that are read and left out rather than asked for apart


def contents(blobs: Blobs, parts: Iterable[Part]) -> Iterator[tuple[Part, Iterator[bytes]]]:
    """Yield each part with its bytes; what is not read of one is skipped for the next."""
    for together in _neighbours(parts):
        first = together[0]
        if first.offset is None:
            yield first, blobs.stream(first.ref)
            continue
        length = (together[-1].end or 0) - first.offset
        slices = Slices(blobs.stream(first.ref, first.offset, length), first.offset)
        for part in together:
            yield part, slices.take(part.offset or 0, part.size)


def pieces(parts: Iterable[Part]) -> list[Piece]:
    """Return what a composed blob is made of; parts that lie one after another are one piece."""
    made: list[Piece] = []
    for part in parts:
        last = made[-1] if made else None
        if part.offset is None:
            made.append(Piece(part.ref))
        elif last and last.ref == part.ref and last.end == part.offset:
            made[-1] = Piece(part.ref, last.offset, (part.end or 0) - last.offset)
        else:
            made.append(Piece(part.ref, part.offset, part.size))
    return made


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
