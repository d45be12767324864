"""Lets one process at a time make something; the others wait for its end.

Where the system has no `flock`, as on Windows, a file that only one process can create stands in.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_S = 0.1


class Held(OSError):
    """Another process holds the lock."""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made, during a with block. Raises OSError."""
    try:
        import fcntl  # noqa: PLC0415 - see above
    except ImportError:
        with _waiting(path):
            yield
        return
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Create a file, which must not be there, during a with block. Raises Held.

    Windows removes it even if this process is killed; elsewhere a person has to.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_TEMPORARY", 0)
    try:
        handle = os.open(path, flags, 0o600)
    except (FileExistsError, PermissionError) as error:  # Windows denies what is being deleted
        raise Held(str(path)) from error
    try:
        yield
    finally:
        os.close(handle)
        with suppress(FileNotFoundError):  # Windows has removed it
            path.unlink()


@contextmanager
def _waiting(path: Path) -> Iterator[None]:
    beside = path.with_name(f"{path.name}.held")
    while True:
        with suppress(Held), claimed(beside):
            yield
            return
        time.sleep(_POLL_S)
