"""A folder on a system that knows files by their paths alone: Windows.

Each folder on the way is looked at before it is entered. Between the look and the use somebody who
may write there could put a link in its place, which `folder_by_handle` excludes.
"""

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self, cast

from pipeline.cli.exits import CommandError
from pipeline.cli.fetching.holding import hold
from pipeline.cli.fetching.reasons import explained, require_folder
from pipeline.domain.texts.visible import visible

_MEANS_MORE = re.compile(r'[\\:*?"<>|]|[ .]$')  # to Windows, which drops such ends
_AS_IT_IS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True)
class FolderByPath:
    """A folder and its path."""

    path: Path
    root: Path
    _held: ExitStack

    @classmethod
    @contextmanager
    def opened(cls, path: Path, *, create: bool = False) -> Iterator[Self]:
        """Use a folder during a with block. Raises CommandError."""
        with explained(path):
            require_folder(path, create=create)
            root = path.resolve(strict=True)
            if not root.is_dir():
                raise _error(errno.ENOTDIR)
        with ExitStack() as held:
            yield cls(path, root, held)

    def lock(self) -> None:
        """Keep other commands from writing here until it is closed. Raises CommandError."""
        hold(self.root, None, self._held)

    @property
    def free(self) -> int:
        """How many bytes a user can write here."""
        return shutil.disk_usage(self.root).free

    def size_of(self, path: PurePosixPath) -> int:
        """Return the size of a file; 0 if it is none."""
        found = self.look(path)
        return found.st_size if found and stat.S_ISREG(found.st_mode) else 0

    def look(self, path: PurePosixPath) -> os.stat_result | None:
        """Return what is at a path, without following links; None if nothing is there."""
        try:
            return self._place(path).lstat()
        except FileNotFoundError:
            return None

    @contextmanager
    def reading(self, path: PurePosixPath) -> Iterator[BinaryIO]:
        """Open a file for reading. Raises OSError, also for what is no regular file."""
        with self._opened(self._place(path), os.O_RDONLY, "rb") as opened:
            yield opened

    @contextmanager
    def going_on(self, path: PurePosixPath) -> Iterator[BinaryIO]:
        """Open a file for reading and writing, and make it and its folders if they are absent."""
        place = self._place(path, create=True)
        with self._opened(place, os.O_RDWR | os.O_CREAT, "r+b") as opened:
            yield opened

    def rename(self, path: PurePosixPath, name: str) -> None:
        """Give a file another name in its folder; what has that name is replaced."""
        place = self._place(path)
        place.replace(place.with_name(name))

    def remove(self, path: PurePosixPath) -> None:
        """Remove a file if it is there."""
        with suppress(FileNotFoundError):
            self._place(path).unlink()

    def files(self) -> Iterator[str]:
        """Yield the paths of everything that is no folder, links included."""
        for top, folders, files in self.root.walk(on_error=_raise):
            links = [name for name in folders if _leads_away(top / name)]
            folders[:] = [name for name in folders if name not in links]
            for name in sorted((*files, *links)):
                yield (top / name).relative_to(self.root).as_posix()

    def _place(self, path: PurePosixPath, *, create: bool = False) -> Path:
        """Return a file's path when every folder on the way is one.

        Raises OSError, and CommandError for a name that Windows takes for something else.
        """
        if any(_MEANS_MORE.search(part) for part in path.parts):
            raise CommandError(
                f"The name of the file {visible(str(path))} means something else to Windows, such "
                "as a drive or a stream: fetch this output on Linux or macOS."
            )
        here = self.root
        for part in path.parts[:-1]:
            here /= part
            if create:
                with suppress(FileExistsError):
                    here.mkdir()
            if _leads_away(here) or not stat.S_ISDIR(here.lstat().st_mode):
                raise _error(errno.ENOTDIR)
        return here / path.name

    @contextmanager
    def _opened(self, place: Path, flags: int, mode: str) -> Iterator[BinaryIO]:
        with suppress(FileNotFoundError):
            if _leads_away(place) or not stat.S_ISREG(place.lstat().st_mode):
                raise _error(errno.EEXIST)
        handle = os.open(place, flags | _AS_IT_IS, 0o666)
        with cast("BinaryIO", os.fdopen(handle, mode)) as opened:
            yield opened


def _leads_away(path: Path) -> bool:
    return path.is_symlink() or path.is_junction()


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _raise(error: OSError) -> None:
    raise error
