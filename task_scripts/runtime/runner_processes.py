"""Finds the processes of a program: to end them, and to tell how much memory they take.

The memory of a program that ended is what its largest process took; of one that runs, what all
processes of its session take together. Memory that processes share counts for each of them.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

EVERY_S = 0.5
_PROC = Path("/proc")
_HUNT_ROUNDS = 100
_KIB = 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Peak:
    """The most memory of one program that was seen, in bytes; it looks every half second."""

    def __init__(self) -> None:
        # What ends sooner is told when it has ended.
        self.bytes, self._next = 0, time.monotonic() + EVERY_S

    def look(self, session: "int | None") -> None:
        """Look at the processes of a session, unless that was done just now."""
        now = time.monotonic()
        if session is not None and now >= self._next:
            self._next = now + EVERY_S
            self.note(of_session(session))

    def note(self, size: int) -> None:
        """Take note of a size."""
        self.bytes = max(self.bytes, size)


def of_session(session: int, root: Path = _PROC) -> int:
    """Return the bytes that the living processes of a session hold in memory."""
    return sum(_held_by(root / str(pid), session) for pid in _processes(root))


def _held_by(process: Path, session: int) -> int:
    try:
        # The name of the program is in brackets, and may have anything in it.
        fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[21]) * _PAGE if int(fields[3]) == session else 0
    except (OSError, ValueError, IndexError):  # gone by now
        return 0


def reaped(pid: int) -> int:
    """Wait for a child; return the bytes that it, or the largest of its children, took at most."""
    _, _, used = os.wait4(pid, 0)
    return used.ru_maxrss * _KIB


def hunt(marker: str) -> None:
    """Kill every process whose environment has the marker, whatever its session."""
    needle = marker.encode()
    for _ in range(_HUNT_ROUNDS):
        victims = [pid for pid in _processes() if needle in _environment_of(pid)]
        if not victims:
            return
        for pid in victims:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def _processes(root: Path = _PROC) -> "list[int]":
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        return [int(entry.name) for entry in entries if entry.name.isdecimal()]
    return []


def _environment_of(pid: int) -> bytes:
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY)
    except OSError:  # gone, or another user's
        return b""
    try:
        return os.read(fd, 512 * 1024)
    except OSError:
        return b""
    finally:
        os.close(fd)
