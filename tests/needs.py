"""What some tests need of a machine. Without it they are skipped, and pytest ends with why."""

import ctypes
import hashlib
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from task_scripts.runtime import environment as environments
from tests.depth import EVERYTHING

ROOT = Path(__file__).resolve().parents[1]
_MADE = ROOT / ".cache/environments"

_LANDLOCK, _VERSION = 444, 1  # the system call that makes rules, asked for its version


def missing(thing: str, packages: str) -> NoReturn:
    """Skip the test, and say what to install."""
    pytest.skip(f"for want of {thing} (apt-get install {packages})")


def rendering() -> None:
    """Skip the test where scenes cannot be rendered behind a fence."""
    if shutil.which("povray") is None:
        missing("POV-Ray", "povray povray-includes")
    if ctypes.CDLL(None).syscall(_LANDLOCK, None, 0, _VERSION) < 1:
        pytest.skip("for want of Landlock (Linux 5.13 and newer, if it is enabled)")


def environment(name: str) -> str:
    """Return the Python of an environment; skip the test unless this machine has it.

    `make test-all` makes it, as a node does.
    """
    requirements = ROOT / f"task_scripts/environments/{name}.txt"
    python = _MADE / hashlib.sha256(requirements.read_bytes()).hexdigest() / "bin/python"
    if not python.exists():
        if not EVERYTHING:
            pytest.skip(f"for want of the environment {name} (make test-all PARTS=learning)")
        environments.shared_environment(_MADE, requirements, environments.build_environment)
    return str(python)
