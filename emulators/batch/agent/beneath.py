"""Reaches what lies beneath a folder part by part, and follows no link on the way.

Programs of tasks own the folders of their nodes. They can put a link in the place of any of them,
while the emulator has the rights of the developer, or of root.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe would wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextlib.contextmanager
def parent_of(path: Path, anchor: Path) -> Iterator[tuple[int, str]]:
    """Open the folder that holds a path beneath an anchor; also give the last name.

    Raises OSError if a part in between is a link, and ValueError if the path is not beneath.
    """
    *parts, last = path.relative_to(anchor).parts
    fd = os.open(anchor, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            deeper = os.open(part, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = deeper
        yield fd, last
    finally:
        os.close(fd)


def opened(path: Path, anchor: Path) -> BinaryIO:
    """Open a regular file. Raises OSError for a link or anything else."""
    with parent_of(path, anchor) as (folder, name):
        fd = os.open(name, _FILE, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError("it is not a regular file")
    return os.fdopen(fd, "rb")


def is_file(path: Path, anchor: Path) -> bool:
    """Tell whether a regular file is there and no link leads to it."""
    return _is(path, anchor, stat.S_IFREG)


def is_folder(path: Path, anchor: Path) -> bool:
    """Tell whether a folder is there and no link leads to it; an anchor is a folder."""
    return path == anchor or _is(path, anchor, stat.S_IFDIR)


def _is(path: Path, anchor: Path, kind: int) -> bool:
    try:
        with parent_of(path, anchor) as (folder, name):
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            return stat.S_IFMT(mode) == kind
    except (OSError, ValueError):
        return False


def remove(path: Path, anchor: Path) -> None:
    """Remove a folder with all that lies in it, or the link in its place; what resists stays."""
    with contextlib.suppress(OSError, ValueError), parent_of(path, anchor) as (folder, name):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            shutil.rmtree(name, ignore_errors=True, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
