"""The outputs of a run's items, kept in chunks that are blobs, and read one after another.

A chunk has parts of one generation, in the order of their items. An item has the parts of the last
generation in which it succeeded. If it had no output there, no chunk says so, but its end does.
"""

import hashlib
import heapq
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from itertools import groupby, repeat
from operator import attrgetter, itemgetter
from typing import Self

from pipeline.domain.outputs.item_ends import ItemEnds
from pipeline.domain.outputs.parts import Part, Parts
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.stored import Stored

PER_CHUNK = 20_000  # parts, some MiB
_NO_OFFSET = -1


class Chunk(Stored):
    """Where parts are kept: the SHA-256 of their blob; the first and last item; how many bytes."""

    generation: int
    sha256: str
    first: int
    last: int
    parts: int
    bytes: int


class _Columns(Stored):
    """The content of a chunk; `places` says which of the blobs each part lies in."""

    container: str
    items: tuple[int, ...]
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    digests: tuple[str, ...]
    offsets: tuple[int, ...]
    blobs: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, parts: list[Part]) -> Self:
        blobs = {ref: place for place, ref in enumerate(dict.fromkeys(p.ref for p in parts))}
        return cls(
            container=next(iter(blobs)).container,
            items=tuple(part.item for part in parts),
            names=tuple(part.name for part in parts),
            sizes=tuple(part.size for part in parts),
            digests=tuple(part.sha256 for part in parts),
            offsets=tuple(_NO_OFFSET if p.offset is None else p.offset for p in parts),
            blobs=tuple(ref.name for ref in blobs),
            places=tuple(blobs[part.ref] for part in parts),
        )

    def parts(self) -> Iterator[Part]:
        refs = [BlobRef(self.container, name) for name in self.blobs]
        columns = (self.items, self.names, self.places, self.sizes, self.digests, self.offsets)
        for item, name, place, size, sha256, offset in zip(*columns, strict=True):
            begins = None if offset == _NO_OFFSET else offset
            yield Part(item, name, refs[place], size, sha256, begins)


def encoded(generation: int, parts: Collection[Part]) -> tuple[Chunk, bytes]:
    """Return one or more parts of a generation as a chunk, and its content."""
    columns = _Columns.of(list(parts))
    content = columns.model_dump_json().encode()
    chunk = Chunk(
        generation=generation,
        sha256=hashlib.sha256(content).hexdigest(),
        first=columns.items[0],
        last=columns.items[-1],
        parts=len(parts),
        bytes=sum(columns.sizes),
    )
    return chunk, content


class KeptParts(Collection[Part]):
    """Parts in the order of their items, of which `ends` says how they ended.

    `read` returns the content of a chunk.
    """

    def __init__(
        self, chunks: Iterable[Chunk], read: Callable[[Chunk], bytes], ends: ItemEnds
    ) -> None:
        ordered = sorted(chunks, key=lambda chunk: (chunk.generation, chunk.first))
        self._generations = [
            list(some) for _, some in groupby(ordered, key=attrgetter("generation"))
        ]
        self._read, self._ends = read, ends

    @property
    def most_bytes(self) -> int:
        """How many bytes they have at most: an item may have parts in place of others."""
        return sum(chunk.bytes for chunks in self._generations for chunk in chunks)

    @property
    def count(self) -> int:
        """How many there are at most."""
        return sum(chunk.parts for chunks in self._generations for chunk in chunks)

    def since(self, item: int) -> Iterator[Part]:
        """Yield the parts of an item and of those after it; chunks before them are not read."""
        streams = [self._of(chunks, item) for chunks in self._generations]
        if len(streams) == 1:
            yield from streams[0]
            return
        numbered = [zip(repeat(number), stream) for number, stream in enumerate(streams)]
        merged = heapq.merge(*numbered, key=lambda entry: (entry[1].item, entry[0]))
        for _, entries in groupby(merged, key=lambda entry: entry[1].item):
            *_, last = (list(some) for _, some in groupby(entries, key=itemgetter(0)))
            yield from (part for _, part in last)

    def __iter__(self) -> Iterator[Part]:
        return self.since(0)

    def __len__(self) -> int:
        return self._number

    def __contains__(self, part: object) -> bool:
        return any(part == mine for mine in self)

    @cached_property
    def _number(self) -> int:
        if len(self._generations) == 1 and not self._ends.without_output:
            return self.count
        return sum(1 for _ in self)

    def _of(self, chunks: Iterable[Chunk], item: int) -> Iterator[Part]:
        for chunk in chunks:
            if chunk.last >= item:
                columns = _Columns.model_validate_json(self._read(chunk))
                since = (part for part in columns.parts() if part.item >= item)
                yield from (part for part in since if not self._ends.is_empty(part.item))


type Outputs = Parts | KeptParts
