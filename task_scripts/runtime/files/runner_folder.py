"""Folders that the runner made, held by their descriptors.

A program can put a link, or another folder, in the place of any folder that it sees. So nothing
here is found by its path again: every name is looked up in a descriptor, and no link is followed.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES_OWN = (0, 65534)  # root, also as a container sees it that has users of its own
# Without O_NONBLOCK a pipe in the place of a file would keep the runner waiting.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Found(NamedTuple):
    """What lies somewhere below a folder: its relative name and its stat, links not followed."""

    name: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Tell whether it is a folder."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        """Tell whether it is a regular file."""
        return stat.S_ISREG(self.status.st_mode)


def close_to_others(folder: Path, around: Path) -> None:
    """Close a task's working folder, and the one around it, to all other users of the node.

    Raises OSError if somebody else had been there before. That is neither this user nor the agent,
    to which the folder of the job belongs, whatever user it is.
    """
    known = {os.geteuid(), *_NODES_OWN}
    if folder.parent == around:
        known.add(around.parent.stat().st_uid)
    for place in (around, folder) if folder.parent == around else (folder,):
        with contextlib.suppress(OSError):  # it may belong to the node
            if place.stat().st_uid == os.geteuid():
                place.chmod(0o700)
    for path in (folder, *folder.iterdir()):
        if path.lstat().st_uid not in known:
            raise OSError(f"{path.name!r} in the task's folder belongs to another user of the node")


class Folder:
    """A folder by descriptor; `path` is only what programs are told."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path, self._fd = path, fd
        self._made: dict[str, os.stat_result] = {}

    @classmethod
    def at(cls, path: Path) -> "Folder":
        """Hold a folder that exists. Raises OSError."""
        return cls(path, os.open(path, _FOLDER))

    def make(self, name: str) -> "Folder":
        """Make a folder in this one and hold it. Raises OSError if the name is taken."""
        os.mkdir(name, dir_fd=self._fd)
        return Folder(self.path / name, os.open(name, _FOLDER, dir_fd=self._fd))

    def make_like(self, name: str) -> "Folder":
        """Make a folder of this name, or of a longer one if the name is taken. Raises OSError."""
        try:
            return self.make(name)
        except FileExistsError:
            return self.make(f"{name}-{os.urandom(4).hex()}")

    def enter(self, name: str) -> "Folder":
        """Hold a folder of this one, made if it is not there, and close it to others.

        Raises OSError, also for a link.
        """
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=self._fd)
        fd = os.open(name, _FOLDER, dir_fd=self._fd)
        with contextlib.suppress(PermissionError):  # it may belong to the node
            os.fchmod(fd, 0o700)
        return Folder(self.path / name, fd)

    def has(self, name: str) -> bool:
        """Tell whether anything in this folder has the name."""
        try:
            os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def create(self, name: str) -> BinaryIO:
        """Open a new file for writing. Raises OSError if the name is taken, even by a link."""
        fd = os.open(name, _NEW, 0o666, dir_fd=self._fd)
        self._made[name] = os.fstat(fd)
        return os.fdopen(fd, "wb")

    def is_in_place(self) -> bool:
        """Tell whether the path still leads to this folder and to no other."""
        try:
            there = self.path.lstat()
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._fd))

    def found(self) -> Iterator[Found]:
        """Yield all that lies below; what a folder holds follows it. Raises OSError."""
        yield from _walk(self._fd, "")

    def used(self) -> int:
        """Return the bytes of the disk that lie below; what cannot be read does not count."""
        return self.taken()[0]

    def taken(self) -> "tuple[int, int]":
        """Return the bytes and the files that lie below; what cannot be read does not count."""
        size = files = 0
        with contextlib.suppress(OSError, RecursionError):
            for found in self.found():
                size += found.status.st_blocks * 512
                files += 1
        return size, files

    def open(self, name: str) -> BinaryIO:
        """Open a regular file somewhere below. Raises OSError for anything else."""
        with self._parent(name) as (parent, last):
            return _regular(os.open(last, _FILE, dir_fd=parent))

    def move(self, name: str, target: "Folder", new: str) -> None:
        """Move a file from somewhere below into another folder. Raises OSError."""
        with self._parent(name) as (parent, last):
            os.rename(last, new, src_dir_fd=parent, dst_dir_fd=target._fd)

    def check(self, name: str, stream: BinaryIO) -> None:
        """Check that a file of this folder is the open one. Raises OSError."""
        there = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        if not os.path.samestat(there, os.fstat(stream.fileno())):
            raise OSError("it was replaced while it was read")

    def rename(self, name: str, new: str) -> None:
        """Give a file that was made here another name. Raises OSError."""
        os.rename(name, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        self._made[new] = self._made.pop(name)

    def link(self, name: str, target: str) -> None:
        """Make a link to a file elsewhere; one that is there stays. Raises OSError."""
        with contextlib.suppress(FileExistsError):
            os.symlink(target, name, dir_fd=self._fd)

    def unlink(self, name: str) -> None:
        """Remove a file or link of this folder, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def unlink_empty(self, prefix: str) -> None:
        """Remove the empty files of this folder whose names begin so."""
        with contextlib.suppress(OSError), os.scandir(self._fd) as there:
            for found in there:
                mine = found.name.startswith(prefix) and found.is_file(follow_symlinks=False)
                if mine and found.stat(follow_symlinks=False).st_size == 0:
                    self.unlink(found.name)

    def remove(self, folder: "Folder") -> None:
        """Remove a folder that was made in this one, with the files that were made in it.

        What somebody else put there stays, and then the folder stays, too.
        """
        for name, made in folder._made.items():
            if folder._holds(name, made):
                folder.unlink(name)
        if self._holds(folder.path.name, os.fstat(folder._fd)):
            with contextlib.suppress(OSError):
                os.rmdir(folder.path.name, dir_fd=self._fd)
        folder.close()

    def remove_with_all(self, folder: "Folder") -> None:
        """Remove a folder that was made in this one for a program, with all that lies in it."""
        folder.clear()
        self.remove(folder)

    def clear(self) -> None:
        """Remove all that lies in this folder."""
        try:
            _empty(self._fd)
        except RecursionError:  # a hostile depth of folders; they are deleted with the node
            sys.stderr.write(f"{self.path.name} stays: its folders are too deep.\n")

    def _holds(self, name: str, status: os.stat_result) -> bool:
        try:
            there = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(there, status)

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._fd)

    @contextlib.contextmanager
    def _parent(self, name: str) -> "Iterator[tuple[int, str]]":
        """Open the folder that holds a name below, part by part."""
        *parents, last = name.split("/")
        fd = os.dup(self._fd)
        try:
            for parent in parents:
                deeper = os.open(parent, _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = deeper
            yield fd, last
        finally:
            os.close(fd)


def _regular(fd: int) -> BinaryIO:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError("it is not a regular file")
    return os.fdopen(fd, "rb")


def _walk(fd: int, prefix: str) -> Iterator[Found]:
    with os.scandir(fd) as entries:
        for entry in entries:
            found = Found(f"{prefix}{entry.name}", entry.stat(follow_symlinks=False))
            yield found
            if found.is_folder:
                deeper = os.open(entry.name, _FOLDER, dir_fd=fd)
                try:
                    yield from _walk(deeper, f"{found.name}/")
                finally:
                    os.close(deeper)


def _empty(fd: int) -> None:
    """Remove what lies in a folder; what resists stays, and is deleted with the node."""
    device = os.fstat(fd).st_dev
    with contextlib.suppress(OSError):
        os.fchmod(fd, 0o700)  # the program may have taken the right away
        for name in os.listdir(fd):
            _discard(fd, name, device)


def _discard(parent: int, name: str, device: int) -> None:
    with contextlib.suppress(OSError):
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=parent)
        elif status.st_dev == device:  # never into a mounted file system
            fd = os.open(name, _FOLDER, dir_fd=parent)
            try:
                _empty(fd)
            finally:
                os.close(fd)
            os.rmdir(name, dir_fd=parent)
