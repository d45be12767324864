"""Writes what happens on nodes into log files of limited size, and finds their lines by time."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from emulators.batch.document import parse_stamp

_NAME, _OLDER = "agent-debug.log", "agent-debug.1.log"
_MOST_BYTES = 1 << 20
_GATHER_S = 0.2
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class NodeLogs:
    """The logs of nodes, in files of limited size; lines are written together, a moment later."""

    def __init__(self) -> None:
        self._waiting: dict[Path, list[str]] = {}

    def note(self, folder: Path, line: str) -> None:
        """Add a line to the log in a folder, soon."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(_GATHER_S, self.flush)
        self._waiting.setdefault(folder, []).append(" ".join(line.splitlines()))

    def forget(self, folder: Path) -> None:
        """Drop the waiting lines of a folder that is being deleted."""
        self._waiting.pop(folder, None)

    def flush(self) -> None:
        """Write the waiting lines."""
        waiting, self._waiting = self._waiting, {}
        for folder, lines in waiting.items():
            if _appended(folder / _NAME, "\n".join(lines) + "\n") > _MOST_BYTES:
                (folder / _NAME).replace(folder / _OLDER)

    def between(self, folder: Path, since: datetime, until: datetime | None) -> Iterator[Path]:
        """Yield the files with a line of this period; files are whole, as in the service."""
        self.flush()
        for path in (folder / _OLDER, folder / _NAME):
            if any(since <= at and (until is None or at <= until) for at in _moments(path)):
                yield path


def _appended(log: Path, text: str) -> int:
    """Append to a log, and create it if it is missing; return its length."""
    try:
        descriptor = os.open(log, _APPEND, 0o644)
    except FileNotFoundError:
        log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, _APPEND, 0o644)
    try:
        os.write(descriptor, text.encode())
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    finally:
        os.close(descriptor)


def _moments(log: Path) -> Iterator[datetime]:
    if not log.exists():
        return
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            # A full disk may have cut a line.
            with contextlib.suppress(ValueError):
                yield parse_stamp(line.partition(" ")[0])
