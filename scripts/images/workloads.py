"""Builds container images for the workloads: Debian, Python and the tool, without a registry.

`python scripts/images/workloads.py render` gives `localhost/fanfare-render:1`; without a name, all.
Debian's packages come by mmdebstrap from the mirrors of this machine or DEBIAN_MIRROR, those of
Python from the pinned requirements of an environment.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENTS = Path(__file__).resolve().parents[2] / "task_scripts/environments"
SUITE, PYTHON = "trixie", "3.13"
MIRROR = "http://deb.debian.org/debian"
_PACKAGES = f"usr/local/lib/python{PYTHON}/dist-packages"
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


@dataclass(frozen=True)
class Image:
    """Debian packages, and the environment of task_scripts/environments/ that lies beside them."""

    name: str
    packages: tuple[str, ...] = ()
    environment: str = ""


IMAGES = {
    "render": Image("localhost/fanfare-render:1", ("povray", "povray-includes")),
    "media": Image("localhost/fanfare-media:1", ("libstdc++6",), "media"),
}


def build(image: Image, engine: str) -> None:
    """Make an image and give it to the engine; an image of this name is replaced."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / _PACKAGES).mkdir(parents=True)
        if image.environment:
            _install(ENVIRONMENTS / f"{image.environment}.txt", place / _PACKAGES)
        archive = place / "image.tar"
        included = ",".join(("python3", *image.packages))
        subprocess.run(
            [
                "mmdebstrap", "--quiet", "--variant=essential", f"--include={included}",
                '--aptopt=APT::Install-Recommends "false"',
                *(f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT),
                f"--customize-hook=sync-in {place}/usr/local /usr/local",
                SUITE, archive, os.environ.get("DEBIAN_MIRROR", MIRROR),
            ],
            check=True,
        )  # fmt: skip
        subprocess.run([engine, "import", archive, image.name], check=True, capture_output=True)


def _install(requirements: Path, target: Path) -> None:
    """Put the pinned wheels of an environment into a folder of the image's Python."""
    exactly = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    fitting = ["--python-version", PYTHON, "--python-platform", "x86_64-manylinux_2_39"]
    command = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", *exactly]
    where = ["--target", str(target), "--requirements", str(requirements)]
    subprocess.run([*command, *fitting, *where], check=True)


def missing() -> str:
    """Return what this machine lacks, with its remedy, or nothing."""
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is missing: run `sudo apt-get install mmdebstrap`."
    if _engine() is None:
        return "There is no container engine: run `sudo apt-get install podman`."
    return ""


def _engine() -> str | None:
    return next((name for name in ("podman", "docker") if shutil.which(name)), None)


def main() -> int:
    """Build the images that were named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(IMAGES)}; default: all")
    names = parser.parse_args().names or list(IMAGES)
    if unknown := [name for name in names if name not in IMAGES]:
        parser.error(f"there is no image {unknown[0]!r}: name one of {', '.join(IMAGES)}")
    engine = _engine()
    if lacks := missing():
        sys.stderr.write(f"{lacks}\n")
        return 1
    for name in names:
        build(IMAGES[name], str(engine))
        sys.stdout.write(f"{name}: {IMAGES[name].name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
