"""Saves the wait between two polls: a file names each queue that received a message.

Azure has no such thing, and nothing depends on it: a message without a ring waits for a poll.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from emulators._watch import FolderWatch


async def follow(path: Path, ring: Callable[[str], None]) -> None:
    """Ring for every queue name that is appended to the file, forever."""
    changed = asyncio.Event()
    watch = FolderWatch(path.parent, changed.set)
    position = _size(path)
    try:
        while True:
            await changed.wait()
            changed.clear()
            names, position = _read(path, position)
            for name in {name.decode("utf-8", "replace").strip() for name in names}:
                ring(name)
    finally:
        watch.close()


def _read(path: Path, position: int) -> tuple[list[bytes], int]:
    """Return the lines after a position, and where the next one begins."""
    size = _size(path)
    if size == position:
        return [], position
    with path.open("rb") as file:
        file.seek(0 if size < position else position)
        *names, rest = file.read().split(b"\n")
        return names, file.tell() - len(rest)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
