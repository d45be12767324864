"""Unpacks an archive of a stranger: ordinary files below one folder, within bounds.

A `.zip` or a `.tar.gz`, told apart by how it begins. Nothing is written outside of the folder, and
an archive that unpacks to more than the bounds ends as soon as it does.
"""

import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

_LONGEST_NAME = 400
_DEEPEST = 40
_CHUNK = 1 << 20
_DRIVE = re.compile(r"^[A-Za-z]:")


class Unusable(Exception):
    """The archive, or what came of its tests, cannot be used; the message says why."""


class Bounds(NamedTuple):
    """How much an archive may hold."""

    files: int = 20_000
    size: int = 512 << 20


BOUNDS = Bounds()


def unpack(archive: Path, folder: Path, bounds: Bounds = BOUNDS) -> Path:
    """Unpack an archive into an empty folder; return the root of the sources. Raises Unusable.

    If all files lie in one folder, as in archives of a release, that folder is the root.
    """
    with archive.open("rb") as file:
        start = file.read(4)
    try:
        if start.startswith(b"PK"):
            _write(_zipped(archive), folder, bounds)
        elif start.startswith(b"\x1f\x8b"):
            _write(_tarred(archive), folder, bounds)
        else:
            raise Unusable("the input is neither a .zip nor a .tar.gz")
    # NotImplementedError: zipfile does not know the compression. RuntimeError: it wants a password.
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, NotImplementedError,
            RuntimeError, OSError) as error:  # fmt: skip
        raise Unusable(f"the archive cannot be unpacked: {error}") from error
    inside = list(folder.iterdir())
    if not inside:
        raise Unusable("the archive has no files")
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _zipped(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            kind = entry.external_attr >> 28
            if entry.is_dir():
                continue
            if kind not in {0, 8}:  # not told, or an ordinary file
                raise Unusable(f"{entry.filename!r} is not an ordinary file")
            with packed.open(entry) as content:
                yield entry.filename, content


def _tarred(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive, "r:gz") as packed:
        for entry in packed:
            if entry.isdir():
                continue
            content = packed.extractfile(entry) if entry.isfile() else None
            if content is None:
                raise Unusable(f"{entry.name!r} is not an ordinary file")
            with content:
                yield entry.name, content


def _write(entries: Iterator[tuple[str, IO[bytes]]], folder: Path, bounds: Bounds) -> None:
    left = bounds.size
    for number, (name, content) in enumerate(entries):
        if number >= bounds.files:
            raise Unusable(f"the archive has more than {bounds.files} files")
        target = folder / safe(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            while chunk := content.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise Unusable(f"the archive unpacks to more than {bounds.size >> 20} MiB")
                file.write(chunk)


def safe(name: str) -> PurePosixPath:
    """Return the path of an entry if it lies below the folder. Raises Unusable."""
    path = PurePosixPath(name)
    bad = (
        path.is_absolute() or ".." in path.parts or "\\" in name or _DRIVE.match(name)
        or not name.isprintable() or not path.parts
        or len(name) > _LONGEST_NAME or len(path.parts) > _DEEPEST
    )  # fmt: skip
    if bad:
        raise Unusable(f"{name[:_LONGEST_NAME]!r} is not a path below the archive's folder")
    return path


def remove(folder: Path) -> None:
    """Remove what was unpacked."""
    shutil.rmtree(folder, ignore_errors=True)
