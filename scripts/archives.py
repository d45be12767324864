"""Packs the wheels of every environment for nodes that cannot reach a package index.

`task_scripts/environments/NAME.txt` becomes `NAME.zip` in the same folder, for Ubuntu 24.04 on
x86-64. The downloads must have the digests that the requirements pin.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ENVIRONMENTS = Path(__file__).resolve().parents[1] / "task_scripts" / "environments"
PYTHON = "3.12"
PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{n}_x86_64" for n in (17, 24, 27, 28, 31, 34)))


def wheels(requirements: Path, folder: Path) -> list[Path]:
    """Download the pinned wheels into a folder."""
    platforms = [part for name in PLATFORMS for part in ("--platform", name)]
    options = [
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--no-deps",
        "--python-version",
        PYTHON,
    ]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += [*options, *platforms, "--dest", str(folder), "-r", str(requirements)]
    subprocess.run(command, check=True)
    return sorted(folder.glob("*.whl"))


def pack(files: list[Path], archive: Path) -> None:
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


def main() -> None:
    for requirements in sorted(ENVIRONMENTS.glob("*.txt")):
        with tempfile.TemporaryDirectory() as folder:
            archive = requirements.with_suffix(".zip")
            pack(wheels(requirements, Path(folder)), archive)
            print(f"{archive.name}: {archive.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
