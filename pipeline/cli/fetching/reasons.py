"""Says what to do about errors of the file system."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pipeline.cli.exits import CommandError
from pipeline.domain.texts.visible import visible

_IN_THE_WAY = "a link, or something that is no such file, is in the way: remove it"
_READ_ONLY = "it cannot be written: name another folder, or change its permissions"
_FULL = "the disk is full: free some space and repeat the command, which goes on where it stopped"
_REASONS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.ELOOP: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTEMPTY: _IN_THE_WAY,
    errno.ENXIO: _IN_THE_WAY,
    errno.EFBIG: "the file system does not take files of this size: name another folder",
}


@contextmanager
def explained(path: Path | PurePosixPath) -> Iterator[None]:
    """Raise errors of the file system in a block as CommandError, with what to do about them."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise CommandError(f"{visible(str(path))}: {reason}.") from error


def require_folder(path: Path, *, create: bool) -> None:
    """Make a folder, or insist on one that is there. Raises CommandError, and OSError."""
    if create:
        path.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise CommandError(f"There is no folder {visible(str(path))}.")
