"""A folder on a system that opens files relative to an open folder: Linux and macOS."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self, cast

from pipeline.cli.fetching.holding import hold
from pipeline.cli.fetching.reasons import explained, require_folder

# Windows has none of them, and does not use this module.
_NO_LINK, _ONLY_FOLDER = getattr(os, "O_NOFOLLOW", 0), getattr(os, "O_DIRECTORY", 0)
_FOLDER = os.O_RDONLY | _ONLY_FOLDER | _NO_LINK
# A pipe in the place of a file would otherwise keep the command waiting for ever.
_FILE = _NO_LINK | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class FolderByHandle:
    """An open folder, and its path for messages."""

    path: Path
    handle: int
    _held: ExitStack

    @classmethod
    @contextmanager
    def opened(cls, path: Path, *, create: bool = False) -> Iterator[Self]:
        """Open a folder during a with block. Raises CommandError."""
        with explained(path):
            require_folder(path, create=create)
            handle = os.open(path, os.O_RDONLY | _ONLY_FOLDER)
        with ExitStack() as held:
            held.callback(os.close, handle)
            yield cls(path, handle, held)

    def lock(self) -> None:
        """Keep other commands from writing here until it is closed. Raises CommandError."""
        hold(self.path, self.handle, self._held)

    @property
    def free(self) -> int:
        """How many bytes a user can write here."""
        found = os.fstatvfs(self.handle)
        return found.f_bavail * found.f_frsize

    def size_of(self, path: PurePosixPath) -> int:
        """Return the size of a file; 0 if it is none."""
        found = self.look(path)
        return found.st_size if found and stat.S_ISREG(found.st_mode) else 0

    def look(self, path: PurePosixPath) -> os.stat_result | None:
        """Return what is at a path, without following links; None if nothing is there."""
        try:
            with self._within(path) as parent:
                return os.stat(path.name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return None

    @contextmanager
    def reading(self, path: PurePosixPath) -> Iterator[BinaryIO]:
        """Open a file for reading. Raises OSError, also for what is no regular file."""
        with self._within(path) as parent:
            handle = os.open(path.name, os.O_RDONLY | _FILE, dir_fd=parent)
        with _regular(handle, "rb") as opened:
            yield opened

    @contextmanager
    def going_on(self, path: PurePosixPath) -> Iterator[BinaryIO]:
        """Open a file for reading and writing, and make it and its folders if they are absent."""
        with self._within(path, create=True) as parent:
            handle = os.open(path.name, os.O_RDWR | os.O_CREAT | _FILE, 0o666, dir_fd=parent)
        with _regular(handle, "r+b") as opened:
            yield opened

    def rename(self, path: PurePosixPath, name: str) -> None:
        """Give a file another name in its folder; what has that name is replaced."""
        with self._within(path) as parent:
            os.rename(path.name, name, src_dir_fd=parent, dst_dir_fd=parent)

    def remove(self, path: PurePosixPath) -> None:
        """Remove a file if it is there."""
        with suppress(FileNotFoundError), self._within(path) as parent:
            os.unlink(path.name, dir_fd=parent)

    def files(self) -> Iterator[str]:
        """Yield the paths of everything that is no folder, links included."""
        for top, folders, files, handle in os.fwalk(".", onerror=_raise, dir_fd=self.handle):
            links = [name for name in folders if _is_link(name, handle)]
            for name in sorted((*files, *links)):
                yield str(PurePosixPath(top) / name)

    @contextmanager
    def _within(self, path: PurePosixPath, *, create: bool = False) -> Iterator[int]:
        """Open the folder that a path is in, step by step."""
        handle = os.dup(self.handle)
        try:
            for part in path.parts[:-1]:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=handle)
                inner = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)


def _is_link(name: str, parent: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _regular(handle: int, mode: str) -> BinaryIO:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    return cast("BinaryIO", os.fdopen(handle, mode))


def _raise(error: OSError) -> None:
    raise error
