"""The free disk of a node: a program that takes the last of it ends before the node does.

A node whose disk is full becomes unusable, and Batch runs its tasks again on another one, where the
same program does the same.
"""

import os
from collections.abc import Callable, Mapping

# The bytes below which Batch calls a disk full; it tells tasks.
RESERVED = "AZ_BATCH_TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES"
MARGIN = 256 * 1024 * 1024  # so that Batch does not come first
# What has taken less is not what fills a disk: bytes, and files.
GREEDY, MANY = 64 * 1024 * 1024, 1_000
_LEAST_FILES = 1_000
_MIB = 1024 * 1024


class Disk:
    """The disk that a program writes to; `taken` tells the bytes and files that are its own."""

    def __init__(
        self, path: str, environ: Mapping[str, str], taken: "Callable[[], tuple[int, int]]"
    ) -> None:
        told = environ.get(RESERVED, "")
        self._path, self._taken = path, taken
        self._least = (int(told) if told.isdecimal() else 0) + MARGIN

    def overrun(self) -> "str | None":
        """Return in words how the program takes the last of the disk, or None if it does not."""
        try:
            disk = os.statvfs(self._path)
        except OSError:
            return None  # the program removed its folder
        free = disk.f_bavail * disk.f_frsize
        short, few = free < self._least, disk.f_files > 0 and disk.f_favail < _LEAST_FILES
        if not (short or few):
            return None
        taken, files = self._taken()
        if short and taken >= GREEDY:
            return _told(f"{free // _MIB:,} MiB", f"{taken // _MIB:,} MiB")
        if few and files >= MANY:
            return _told(f"{disk.f_favail:,} files", f"{files:,} files")
        return None


def _told(left: str, taken: str) -> str:
    return f"the disk of its node had room for {left}, and it had taken {taken}"
