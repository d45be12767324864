"""Saves the wait between two polls: a file names each queue that received a message.

Azure has no such thing, and nothing depends on it: a message without a ring waits for a poll.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

_LOOK_EVERY_S = 0.01


async def follow(path: Path, ring: Callable[[str], None]) -> None:
    """Ring for every queue name that is appended to the file, forever."""
    position = _size(path)
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        size = _size(path)
        if size < position:
            position = 0
        if size == position:
            continue
        with path.open("rb") as file:
            file.seek(position)
            *names, rest = file.read().split(b"\n")
            position = file.tell() - len(rest)
        for name in {name.decode("utf-8", "replace").strip() for name in names}:
            ring(name)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
