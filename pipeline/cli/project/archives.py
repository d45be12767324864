"""Packs the wheels of an environment for nodes that cannot reach a package index.

`NAME.txt` becomes `NAME.zip` for Ubuntu 24.04 on x86-64, and `NAME.arm64.zip` for it on Arm. The
downloads must have the digests that the requirements pin. No code of a package is run.
"""

import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.cli.exits import CommandError, Exit
from pipeline.domain.catalogue.archives import AMD64, ARM64, archive_name
from pipeline.domain.catalogue.file_digests import sha256_of

_PYTHON = "3.12"
_MACHINES = {AMD64: "x86_64", ARM64: "aarch64"}
_LINUX = ("manylinux2014", *(f"manylinux_2_{n}" for n in (17, 24, 27, 28, 31, 34)))
_DOWNLOAD = ("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
_EXACTLY = ("--only-binary", ":all:", "--require-hashes", "--python-version", _PYTHON)
_CONDITION = "platform_machine"
_LAST_WORDS = 500


def wanted_of(
    environments: Path, catalogued: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Path, str]]:
    """Yield the requirements of each environment with each kind of processor that it is for.

    `catalogued` has what pipelines want; the other environments are for x86-64.
    """
    for requirements in sorted(environments.glob("*.txt")):
        for architecture in catalogued.get(requirements.stem, [AMD64]):
            yield requirements, architecture


def archive_of(requirements: Path, folder: Path, architecture: str = AMD64) -> Path:
    """Make the archive of an environment in a folder; return its path. Raises CommandError."""
    archive = folder / archive_name(requirements.stem, architecture)
    with tempfile.TemporaryDirectory() as name:
        pack(_wheels(requirements, Path(name), _MACHINES[architecture]), archive)
    return archive


def _wheels(requirements: Path, folder: Path, machine: str) -> list[Path]:
    """Download the pinned wheels for a kind of processor into a folder."""
    if machine != platform.machine() and _CONDITION in requirements.read_text("utf-8"):
        # pip judges conditions by the machine that it runs on.
        raise CommandError(
            f"{requirements.name} has packages that depend on {_CONDITION}, so its wheels for "
            f"{machine} can only be chosen on Linux on {machine}: make the archive there.",
            Exit.USAGE,
        )
    platforms = [part for name in _LINUX for part in ("--platform", f"{name}_{machine}")]
    where = ["--dest", str(folder), "-r", str(requirements)]
    command = [sys.executable, *_DOWNLOAD, *_EXACTLY, *platforms, *where]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CommandError(
            f"The packages of {requirements.name} cannot be fetched for {machine}: "
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
    digest = sha256_of(fresh)
    told.unlink(missing_ok=True)
    fresh.replace(archive)
    told.write_text(f"{digest}  {archive.name}\n", "utf-8")
