"""The outputs of a run's items, kept in columns: there may be a million of them."""

import hashlib
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from pipeline.domain.runs.naming import BlobRef

_WHOLE = -1  # in place of an offset: the part is a blob
_DIGEST = 32  # bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One output of one item in Storage: a blob, or the part of a pack that begins at `offset`."""

    item: int
    name: str
    ref: BlobRef
    size: int
    sha256: str
    offset: int | None = None

    @property
    def end(self) -> int | None:
        """Where it ends in its pack, or None if it is a blob."""
        return None if self.offset is None else self.offset + self.size

    def lies_in(self, sizes: Mapping[BlobRef, int]) -> bool:
        """Return whether Storage has it, by the sizes of the blobs that are there."""
        there = sizes.get(self.ref)
        return there is not None and (there == self.size if self.end is None else self.end <= there)


class _Texts:
    """Texts one after another: each takes its bytes and eight more."""

    def __init__(self) -> None:
        self._bytes, self._ends = bytearray(), array("Q")

    def __len__(self) -> int:
        return len(self._ends)

    def append(self, text: str) -> None:
        self._bytes += text.encode()
        self._ends.append(len(self._bytes))

    def __getitem__(self, number: int) -> str:
        begin = self._ends[number - 1] if number else 0
        return self._bytes[begin : self._ends[number]].decode()


class Parts(Collection[Part]):
    """Parts in the order of their items.

    Each takes about 80 bytes and its name, and the name of its blob if it is not that of the last
    one. All blobs are in one container, and none is a snapshot.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._items, self._sizes, self._offsets = array("Q"), array("Q"), array("q")
        self._digests, self._digested = bytearray(), bytearray()
        self._names = _Texts()
        self._blobs, self._places = _Texts(), array("L")
        self._last: BlobRef | None = None
        self._since = dict[int, int]()
        self._ordered, self._highest = True, -1
        for part in parts:
            self._append(part)

    def put(self, item: int, parts: Iterable[Part]) -> None:
        """Add the parts of an item, in place of those that it had."""
        if item <= self._highest:
            self._since[item], self._ordered = len(self._items), False
        for part in parts:
            self._append(part)

    @property
    def most_bytes(self) -> int:
        """How many bytes they have at most: an item may have parts in place of others."""
        return sum(self._sizes)

    @property
    def count(self) -> int:
        """How many there are at most."""
        return len(self._items)

    def since(self, item: int) -> Iterator[Part]:
        """Yield the parts of an item and of those after it."""
        return (part for part in self if part.item >= item)

    def __len__(self) -> int:
        return len(self._items) if self._ordered else sum(1 for _ in self._numbers())

    def __iter__(self) -> Iterator[Part]:
        return map(self._part, self._numbers())

    def __contains__(self, part: object) -> bool:
        return any(part == mine for mine in self)

    def _append(self, part: Part) -> None:
        self._ordered = self._ordered and part.item >= self._highest
        self._highest = max(self._highest, part.item)
        if self._last != part.ref:
            if part.ref.snapshot or (self._last and self._last.container != part.ref.container):
                raise ValueError(f"{part.ref} cannot be kept with the other parts")
            self._blobs.append(part.ref.name)
            self._last = part.ref
        self._items.append(part.item)
        self._sizes.append(part.size)
        self._offsets.append(_WHOLE if part.offset is None else part.offset)
        self._digests += bytes.fromhex(part.sha256) or bytes(_DIGEST)
        self._digested.append(bool(part.sha256))
        self._names.append(part.name)
        self._places.append(len(self._blobs) - 1)

    def _numbers(self) -> Iterable[int]:
        """Return which entries count, in order."""
        if self._ordered:
            return range(len(self._items))
        counted = (n for n, item in enumerate(self._items) if n >= self._since.get(item, 0))
        return sorted(counted, key=self._items.__getitem__)

    def _part(self, number: int) -> Part:
        assert self._last is not None  # noqa: S101 - else there is no number
        digest = self._digests[number * _DIGEST : (number + 1) * _DIGEST]
        offset = self._offsets[number]
        return Part(
            item=self._items[number],
            name=self._names[number],
            ref=BlobRef(self._last.container, self._blobs[self._places[number]]),
            size=self._sizes[number],
            sha256=digest.hex() if self._digested[number] else "",
            offset=None if offset == _WHOLE else offset,
        )


class Names(Iterable[str]):
    """The names of outputs, as their items chose them.

    If two items chose the same name, each begins with the item's number. Eight bytes of each are
    compared: that two others share them does not matter.
    """

    def __init__(self, parts: Collection[Part]) -> None:
        self._parts = parts
        digests = sorted(array("Q", (short_digest(part.name) for part in parts)))
        self._numbered = any(one == other for one, other in pairwise(digests))

    def __iter__(self) -> Iterator[str]:
        return map(self.of, self._parts)

    def of(self, part: Part) -> str:
        """Name one output."""
        return f"{part.item:06d}/{part.name}" if self._numbered else part.name


def short_digest(text: str) -> int:
    """Return 64 bits of a digest: two texts may share it, which nobody may rely on."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
