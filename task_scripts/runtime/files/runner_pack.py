"""The pack of a task: a file in which the small outputs of its items lie one after another.

Batch uploads it as any other output, so a thousand small outputs are one blob. The receipt says
where each of them begins.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING or __package__:
    from task_scripts.runtime.files import runner_folder as folders
else:  # on a node the files are in one folder
    import runner_folder as folders

PACK_BYTES = 64 * 1024 * 1024


class Pack:
    """Takes outputs of up to `most` bytes; 0 takes none. A full pack is followed by another."""

    def __init__(self, folder: folders.Folder, name: Callable[[], str], most: int) -> None:
        self.most, self._folder, self._name = most, folder, name
        self._stream: BinaryIO | None = None
        self._blob, self._size = "", 0

    def content_of(self, stream: BinaryIO, size: int) -> "bytes | None":
        """Read an open file if it belongs here; None leaves it at its beginning."""
        if not 0 < self.most >= size:
            return None
        content = stream.read(self.most + 1)
        if len(content) <= self.most:
            return content
        stream.seek(0)  # it grew meanwhile
        return None

    def add(self, content: bytes) -> "tuple[str, int]":
        """Append an output; return the pack's name, and where in it the output begins.

        Raises OSError; then the next output begins another pack.
        """
        if self._stream is None or self._size + len(content) > PACK_BYTES:
            self.close()
            self._blob, self._size = self._name(), 0
            self._stream = self._folder.create(self._blob)
        try:
            self._stream.write(content)
            self._stream.flush()  # the journal will say that the item is finished
        except OSError:
            self.close()
            raise
        self._size += len(content)
        return self._blob, self._size - len(content)

    def close(self) -> None:
        """Close the file; the next output begins another one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
