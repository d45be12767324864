"""Reads a growing file of JSON lines from a saved position; the kernel reports new lines."""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from emulators._watch import FolderWatch

CHUNK_BYTES = 1024 * 1024
LARGE_BYTES = 4 * 1024 * 1024
_log = logging.getLogger(__name__)


type Lines = list[dict[str, object]]


@dataclass(frozen=True)
class Position:
    """How far the file with this inode has been read."""

    inode: int = 0
    offset: int = 0

    def dump(self) -> str:
        """Return the position as text for the store."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str | None) -> "Position":
        """Read what `dump` wrote; None means the beginning."""
        return cls(**json.loads(text)) if text else cls()


class Outbox:
    """Reads the file; a replaced or truncated file is read from its start."""

    def __init__(self, path: Path, position: Position) -> None:
        self._path = path
        self._position = position
        self._file: BinaryIO | None = None

    def folder(self) -> Path:
        """Return the folder to watch, and create it if it is missing."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._path.parent

    def read(self) -> tuple[Lines, Position]:
        """Return the next complete lines, and the position after them for `advance`."""
        chunk = self._chunk()
        lines = [line for line in map(_parse, chunk.splitlines()) if line is not None]
        return lines, Position(self._position.inode, self._position.offset + len(chunk))

    def advance(self, position: Position) -> None:
        """Move on to this position, once the lines before it are committed."""
        self._position = position

    def drained(self) -> bool:
        """Tell whether all of the file is read, except a line that is still being written."""
        return not self._chunk()

    def retire(self) -> None:
        """Move a large file away that is read to its end; its writer begins another one.

        It stays until the next one follows it, in case a line comes while it is moved.
        """
        if (
            self._position.offset > LARGE_BYTES
            and self.drained()
            and self._inode() == (self._position.inode)
        ):
            self._path.rename(self._retired)

    @property
    def _retired(self) -> Path:
        return self._path.with_name(f"{self._path.name}.old")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _chunk(self) -> bytes:
        file = self._current()
        if file is None:
            return b""
        file.seek(self._position.offset)
        chunk = file.read(CHUNK_BYTES)
        end = chunk.rfind(b"\n") + 1
        # A chunk without any line end is not an event: treat it as one bad line.
        return chunk if end == 0 and len(chunk) == CHUNK_BYTES else chunk[:end]

    def _current(self) -> BinaryIO | None:
        if self._file is not None:
            size = os.fstat(self._file.fileno()).st_size
            if size < self._position.offset:
                self._position = Position(self._position.inode, 0)
            # Read a file that was moved away to its end, before its successor.
            if size > self._position.offset or not self._replaced():
                return self._file
        return self._open()

    def _open(self) -> BinaryIO | None:
        self.close()
        self._file = self._unread_of_retired()
        try:
            self._file = self._file or self._path.open("rb")
        except FileNotFoundError:
            return None
        found = os.fstat(self._file.fileno())
        if found.st_ino != self._position.inode or found.st_size < self._position.offset:
            self._position = Position(found.st_ino, 0)
        return self._file

    def _unread_of_retired(self) -> BinaryIO | None:
        """Open the file that was moved away, if it is the one of the position and has more."""
        try:
            file = self._retired.open("rb")
        except FileNotFoundError:
            return None
        found = os.fstat(file.fileno())
        if found.st_ino == self._position.inode and found.st_size > self._position.offset:
            return file
        file.close()
        return None

    def _replaced(self) -> bool:
        return self._inode() not in (None, self._position.inode)

    def _inode(self) -> int | None:
        """Return which file has the outbox's name now."""
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return None


async def follow(outbox: Outbox, take: Callable[[Lines, Position], None]) -> None:
    """Pass every line of an outbox to `take`, forever; the position moves on once `take`
    returns."""
    changed = asyncio.Event()
    changed.set()
    watch = FolderWatch(outbox.folder(), changed.set)
    try:
        while True:
            await changed.wait()
            changed.clear()
            while not outbox.drained():
                lines, position = outbox.read()
                take(lines, position)
                outbox.advance(position)
                # Between two chunks, let the deliveries of the first begin.
                await asyncio.sleep(0)
            outbox.retire()
    finally:
        watch.close()
        outbox.close()


def _parse(line: bytes) -> dict[str, object] | None:
    if not line.strip():
        return None
    try:
        parsed = json.loads(line)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        # A killed writer leaves half a line; its client saw no success and tries again.
        _log.warning("an outbox line is not a JSON object: skipped")
        return None
    return parsed
