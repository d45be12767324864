"""A span of a blob as a file that can be rewound, so that the SDK can send it a second time."""

import io
from collections.abc import Buffer

from azure.core import MatchConditions
from azure.storage.blob import BlobClient

AHEAD = 4 * 1024 * 1024  # bytes in memory at a time


class _Span(io.RawIOBase):
    """Reads by ranges of one version of the blob; another version is refused with 412."""

    def __init__(self, source: BlobClient, etag: str, offset: int, length: int) -> None:
        super().__init__()
        self._source, self._etag = source, etag
        self._offset, self._length = offset, length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._length - self._position)
        if wanted <= 0:
            return 0
        content = self._source.download_blob(
            self._offset + self._position,
            wanted,
            etag=self._etag,
            match_condition=MatchConditions.IfNotModified,
        ).readall()
        view[: len(content)] = content
        self._position += len(content)
        return len(content)


def open_span(source: BlobClient, etag: str, offset: int, length: int) -> io.BufferedReader:
    """Open a span of one version of a blob; nothing is read yet."""
    return io.BufferedReader(_Span(source, etag, offset, length), AHEAD)
