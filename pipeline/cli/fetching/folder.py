"""A folder of outputs on disk. No link inside it is followed, whoever put it there."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from pipeline.cli.fetching.folder_by_handle import FolderByHandle
from pipeline.cli.fetching.folder_by_path import FolderByPath


class Folder(Protocol):
    """An open folder, and its path for messages."""

    @property
    def path(self) -> Path:
        """The path by which a person named it."""

    @property
    def free(self) -> int:
        """How many bytes a user can write here."""

    def lock(self) -> None:
        """Keep other commands from writing here until it is closed. Raises CommandError."""

    def size_of(self, path: PurePosixPath) -> int:
        """Return the size of a file; 0 if it is none."""

    def look(self, path: PurePosixPath) -> os.stat_result | None:
        """Return what is at a path, without following links; None if nothing is there."""

    def reading(self, path: PurePosixPath) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading. Raises OSError, also for what is no regular file."""

    def going_on(self, path: PurePosixPath) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading and writing, and make it and its folders if they are absent."""

    def rename(self, path: PurePosixPath, name: str) -> None:
        """Give a file another name in its folder; what has that name is replaced."""

    def remove(self, path: PurePosixPath) -> None:
        """Remove a file if it is there."""

    def files(self) -> Iterator[str]:
        """Yield the paths of everything that is no folder, links included."""


def opened(path: Path, *, create: bool = False) -> AbstractContextManager[Folder]:
    """Open a folder during a with block, as this system can. Raises CommandError."""
    if os.open in os.supports_dir_fd:
        return FolderByHandle.opened(path, create=create)
    return FolderByPath.opened(path, create=create)
