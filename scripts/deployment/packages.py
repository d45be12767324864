"""Installs the app's packages for Linux beside the app; needs Python and pip alone.

Azure then builds nothing. The wheels are those of the Python that the app has there, whatever
machine this runs on. They must have the digests that requirements.txt pins, and no code of a
package is run.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements.txt"
# As `fanfare package` has it: older than the Linux of any Python 3.13 that Azure offers.
_PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{n}_x86_64" for n in (17, 24, 27, 28)))
_PYTHON = "3.13"
_INSTALL = (
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-deps",
    "--no-compile",
)
_EXACTLY = ("--only-binary", ":all:", "--require-hashes", "--python-version", _PYTHON)


def install(requirements: Path, packages: Path) -> bool:
    """Install the pinned wheels into `packages`/lib/site-packages, unless they are there.

    Returns whether it did. Raises CalledProcessError after pip has said why.
    """
    pins = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = packages / "pins.sha256"
    if stamp.is_file() and stamp.read_text("utf-8") == pins:
        return False
    shutil.rmtree(packages, ignore_errors=True)
    platforms = [part for name in _PLATFORMS for part in ("--platform", name)]
    where = ["--target", str(packages / "lib" / "site-packages"), "-r", str(requirements)]
    subprocess.run([sys.executable, *_INSTALL, *_EXACTLY, *platforms, *where], check=True)
    stamp.write_text(pins, "utf-8")
    return True


def main() -> None:
    packages = ROOT / ".python_packages"
    print("packages: the app's packages for Linux, from the package index", flush=True)
    if not install(REQUIREMENTS, packages):
        print("packages: they are there already")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError:
        sys.exit(
            "The app's packages could not be installed, for the reason above. Try again, or let "
            "Azure build: set `remoteBuild: true` in azure.yaml, and take packages.py out of its "
            "hook."
        )
