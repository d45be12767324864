"""Tells when something in a folder changes, so that nobody has to look every few milliseconds."""

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

_POLL_S = 0.02
_IN_MODIFY, _IN_MOVED_TO, _IN_CREATE = 0x2, 0x80, 0x100


class FolderWatch:
    """Calls back when something in a folder changes: by inotify, or by polling where that is
    missing."""

    def __init__(self, folder: Path, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._descriptor = _inotify(folder)
        if self._descriptor is None:
            self._poll()
        else:
            self._loop.add_reader(self._descriptor, self._drain)

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    def _drain(self) -> None:
        if self._descriptor is not None:
            os.read(self._descriptor, 65_536)
        self._changed()

    def _poll(self) -> None:
        self._changed()
        self._timer = self._loop.call_later(_POLL_S, self._poll)


def _inotify(folder: Path) -> int | None:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        mask = _IN_MODIFY | _IN_MOVED_TO | _IN_CREATE
        watch = int(libc.inotify_add_watch(descriptor, os.fsencode(folder), mask))
    except (OSError, AttributeError):
        return None
    return descriptor if descriptor >= 0 and watch >= 0 else None
