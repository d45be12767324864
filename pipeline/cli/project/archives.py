"""Packs the wheels of an environment for nodes that cannot reach a package index.

`NAME.txt` becomes `NAME.zip`, for Ubuntu 24.04 on x86-64. The downloads must have the digests that
the requirements pin. No code of a package is run.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from pipeline.cli.exits import CommandError, Exit

_PYTHON = "3.12"
_PLATFORMS = (
    "manylinux2014_x86_64",
    *(f"manylinux_2_{n}_x86_64" for n in (17, 24, 27, 28, 31, 34)),
)
_DOWNLOAD = ("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
_EXACTLY = ("--only-binary", ":all:", "--require-hashes", "--python-version", _PYTHON)
_LAST_WORDS = 500


def archive_of(requirements: Path, folder: Path) -> Path:
    """Make the archive of an environment in a folder; return its path. Raises CommandError."""
    archive = folder / f"{requirements.stem}.zip"
    with tempfile.TemporaryDirectory() as name:
        pack(_wheels(requirements, Path(name)), archive)
    return archive


def _wheels(requirements: Path, folder: Path) -> list[Path]:
    """Download the pinned wheels into a folder."""
    platforms = [part for name in _PLATFORMS for part in ("--platform", name)]
    where = ["--dest", str(folder), "-r", str(requirements)]
    command = [sys.executable, *_DOWNLOAD, *_EXACTLY, *platforms, *where]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CommandError(
            f"The packages of {requirements.name} cannot be fetched: "
            f"{(done.stderr or done.stdout).strip()[-_LAST_WORDS:]}",
            Exit.UNREACHABLE,
        )
    return sorted(folder.glob("*.whl"))


def pack(files: Iterable[Path], archive: Path) -> None:
    """Write an archive, and its digest beside it; the same wheels give the same bytes.

    A file of a digest never lies beside another archive than its own.
    """
    fresh, told = archive.with_suffix(".new"), archive.with_name(f"{archive.name}.sha256")
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as packed:
        for file in files:
            entry = zipfile.ZipInfo(file.name)
            entry.file_size = file.stat().st_size
            with file.open("rb") as wheel, packed.open(entry, "w") as target:
                shutil.copyfileobj(wheel, target, 1 << 20)
    with fresh.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    told.unlink(missing_ok=True)
    fresh.replace(archive)
    told.write_text(f"{digest}  {archive.name}\n", "utf-8")
