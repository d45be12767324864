"""Unpacks a package into a folder of a node: only inside it, with a size limit, all or nothing."""

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

_MOST_BYTES = 16 << 30
_MOST_ENTRIES = 200_000
_PIECE = 1 << 20
_PERMISSIONS = 0o777
_OWNERS = 0o600


class BadPackage(Exception):
    """A package cannot be unpacked; the text says why."""


def unpack(archive: Path, target: Path, most_bytes: int = _MOST_BYTES) -> None:
    """Unpack an archive; an existing target means that the package is there already."""
    if target.is_dir():
        return
    rough = target.with_name(f".{target.name}.partial")
    shutil.rmtree(rough, ignore_errors=True)
    try:
        rough.mkdir(parents=True)
        with zipfile.ZipFile(archive) as opened:
            _extract(opened, rough, most_bytes)
        rough.rename(target)
    # NotImplementedError: zipfile does not know the compression. RuntimeError: it wants a password.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise BadPackage(f"{type(error).__name__}: {error}") from error
    finally:
        shutil.rmtree(rough, ignore_errors=True)


def _extract(opened: zipfile.ZipFile, folder: Path, left: int) -> None:
    entries = opened.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise BadPackage(f"it has more than {_MOST_ENTRIES} entries")
    for entry in entries:
        path = _inside(folder, entry.filename)
        if entry.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        left = _write(opened, entry, path, left)
        mode = stat.S_IMODE(entry.external_attr >> 16) & _PERMISSIONS
        if mode:
            path.chmod(mode | _OWNERS)


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int) -> int:
    # We do not trust the size that an entry claims. A link is written as a plain file.
    with opened.open(entry) as source, path.open("wb") as file:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise BadPackage("it unpacks to more than a node may hold")
            file.write(piece)
    return left


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/":
        raise BadPackage(f"the entry {name!r} leaves the package's folder")
    return folder.joinpath(*parts)
