"""Takes parts out of one pass over a blob, in the order in which they lie in it."""

from collections.abc import Iterable, Iterator


class Slices:
    """The bytes of a blob from `start` on; each part must begin at or after the end of the last."""

    def __init__(self, chunks: Iterable[bytes], start: int = 0) -> None:
        self._chunks, self._held, self._at = iter(chunks), memoryview(b""), start

    def take(self, offset: int, size: int) -> Iterator[bytes]:
        """Yield a part, whatever was not taken of the parts before it.

        A blob that ends earlier yields less. Raises ValueError for a part that has passed.
        """
        if offset < self._at:
            raise ValueError(f"offset {offset} has passed: the reader is at {self._at}")
        for _ in self._next(offset - self._at):
            pass
        yield from map(bytes, self._next(size))

    def _next(self, count: int) -> Iterator[memoryview]:
        """Yield so many of the next bytes, in pieces."""
        while count > 0:
            if not self._held:
                self._held = memoryview(next(self._chunks, b""))
                if not self._held:
                    return
            piece, self._held = self._held[:count], self._held[count:]
            self._at += len(piece)
            count -= len(piece)
            yield piece
