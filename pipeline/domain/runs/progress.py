"""Progress as a set of finished task numbers, kept as bitmaps that are only ever united.

Setting a bit twice changes nothing, so a repeated receipt cannot count twice.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

CHUNK_BYTES = 4096
CHUNK_BITS = CHUNK_BYTES * 8


def chunk_of(number: int) -> int:
    """Return the chunk that holds a task number."""
    return number // CHUNK_BITS


@dataclass(frozen=True, slots=True)
class Bitmap:
    """An immutable set of task numbers; bit n of byte b stands for number 8·b + n."""

    data: bytes = b""

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """Make the set of these numbers."""
        return cls().with_numbers(numbers)

    @classmethod
    def from_chunks(cls, chunks: Iterable[tuple[int, bytes]]) -> Self:
        """Unite chunks as they are stored; the same chunk may come from several writers."""
        united: dict[int, int] = {}
        for chunk, data in chunks:
            value = int.from_bytes(data[:CHUNK_BYTES], "little")
            united[chunk] = united.get(chunk, 0) | value
        result = bytearray((max(united, default=-1) + 1) * CHUNK_BYTES)
        for chunk, value in united.items():
            at = chunk * CHUNK_BYTES
            result[at : at + CHUNK_BYTES] = value.to_bytes(CHUNK_BYTES, "little")
        return cls(_trimmed(result))

    def chunks(self) -> Mapping[int, bytes]:
        """Cut the set into chunks, without empty chunks and trailing zeros."""
        cut = {
            at // CHUNK_BYTES: _trimmed(self.data[at : at + CHUNK_BYTES])
            for at in range(0, len(self.data), CHUNK_BYTES)
        }
        return {chunk: data for chunk, data in cut.items() if data}

    def with_numbers(self, numbers: Iterable[int]) -> Self:
        """Return this set with more numbers in it."""
        data = bytearray(self.data)
        for number in numbers:
            if number < 0:
                raise ValueError(f"{number} is not a task number")
            at, bit = divmod(number, 8)
            if at >= len(data):
                data.extend(bytes(at + 1 - len(data)))
            data[at] |= 1 << bit
        return type(self)(_trimmed(data))

    def union(self, other: Self) -> Self:
        """Return the numbers that are in either set."""
        both = int.from_bytes(self.data, "little") | int.from_bytes(other.data, "little")
        size = max(len(self.data), len(other.data))
        return type(self)(_trimmed(both.to_bytes(size, "little")))

    def count(self) -> int:
        """Return how many numbers are in the set."""
        return int.from_bytes(self.data, "little").bit_count()

    def is_complete(self, total: int) -> bool:
        """Return whether every number below `total` is in the set."""
        wanted = (1 << total) - 1
        return int.from_bytes(self.data, "little") & wanted == wanted

    def missing(self, total: int) -> list[int]:
        """List the numbers below `total` that are not in the set."""
        return [number for number in range(total) if number not in self]

    def __contains__(self, number: int) -> bool:
        at, bit = divmod(number, 8)
        return 0 <= at < len(self.data) and bool(self.data[at] >> bit & 1)

    def __iter__(self) -> Iterator[int]:
        for at, byte in enumerate(self.data):
            for bit in range(8):
                if byte >> bit & 1:
                    yield at * 8 + bit


def _trimmed(data: bytes | bytearray) -> bytes:
    return bytes(data).rstrip(b"\0")
