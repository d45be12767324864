"""Unpacks the zip of a function app, so that a local stack runs exactly what is deployed."""

import shutil
import zipfile
from pathlib import Path

from pipeline.cli.exits import CommandError, Exit
from pipeline.domain.catalogue.file_digests import sha256_of

_NEEDED = ("function_app.py", "host.json")


def unpacked(archive: Path, data: Path) -> Path:
    """Return the folder with the content of a package, below the data of a stack.

    Raises CommandError if it is no package.
    """
    try:
        folder = data / "app" / sha256_of(archive)[:16]
        if folder.exists():
            return folder
        shutil.rmtree(folder.parent, ignore_errors=True)
        fresh = folder.with_name("fresh")
        with zipfile.ZipFile(archive) as packed:
            lacking = [name for name in _NEEDED if name not in packed.namelist()]
            if lacking:
                raise _unusable(archive, f"it has no {lacking[0]}")
            packed.extractall(fresh)
    except (OSError, zipfile.BadZipFile) as error:
        raise _unusable(archive, str(error)) from error
    fresh.rename(folder)
    return folder


def _unusable(archive: Path, why: str) -> CommandError:
    return CommandError(
        f"{archive} is not the package of a function app ({why}): `fanfare package` makes one.",
        Exit.USAGE,
    )
