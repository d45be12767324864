"""Keeps the first and the last bytes of an endless stream, without secrets."""

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING or __package__:
    from task_scripts.runtime.secrecy import runner_redaction as redaction
else:  # on a node the files are in one folder
    import runner_redaction as redaction

HEAD_BYTES = 16 * 1024
TAIL_BYTES = 64 * 1024
LIVE_BYTES = 8 * 1024 * 1024
_NO_MORE = b"\n[more is only in the log, when the item has ended]\n"


class Capture:
    """Keeps a head and a tail; it hides secrets at the end, and whole ones at the cuts, too.

    So it keeps as many bytes more at each cut as a secret may have there.
    """

    def __init__(
        self,
        head: int = HEAD_BYTES,
        tail: int = TAIL_BYTES,
        redactor: "redaction.Redactor | None" = None,
    ) -> None:
        self._redactor = redactor or redaction.Redactor({})
        self._shown_head, self._shown_tail = head, tail
        self._head_limit = head + self._redactor.longest
        self._tail_limit = tail + self._redactor.longest
        self._head, self._tail = bytearray(), bytearray()
        self._seen = 0

    def add(self, data: bytes) -> None:
        """Add the next bytes of the stream."""
        self._seen += len(data)
        room = self._head_limit - len(self._head)
        self._head += data[:room] if room > 0 else b""
        self._tail += data[room:] if room > 0 else data
        if len(self._tail) > 4 * self._tail_limit:
            del self._tail[: -self._tail_limit]

    def text(self) -> bytes:
        """Return what was kept, with a line that says how much is missing in between."""
        missing = self._seen - self._shown_head - self._shown_tail
        kept = bytes(self._head + self._tail)
        whole = len(kept) == self._seen
        if whole and missing <= 0:
            return self._redactor.hide(kept)
        first, last = (kept, kept) if whole else (bytes(self._head), bytes(self._tail))
        gap = f"\n[... {missing} bytes left out ...]\n".encode()
        head = self._redactor.hide(first, stop=self._shown_head)
        return head + gap + self._redactor.hide(last, first=len(last) - self._shown_tail)


class Live:
    """A file to which everything goes as it comes, for people who watch the task.

    It is not part of the result: on a full disk, or when it has its most bytes, it only ends. It is
    never made for a program with secrets, which could lie across two reads of the stream.
    """

    def __init__(self, stream: "BinaryIO | None", most: int = LIVE_BYTES) -> None:
        """Take an open file, or None to show nothing."""
        self._stream, self._most = stream, most

    def add(self, data: bytes) -> None:
        """Show more of the stream."""
        if self._stream is None:
            return
        try:
            # Asked each time: a runner that was killed has written some, and another one goes on.
            fd = self._stream.fileno()
            room = self._most - len(_NO_MORE) - os.fstat(fd).st_size
            if room >= 0:
                os.write(fd, data if len(data) <= room else data[:room] + _NO_MORE)
        except OSError:
            self._stream = None
