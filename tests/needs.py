"""What some tests need of a machine. Without it they are skipped, and pytest ends with why."""

import ctypes
import shutil
from typing import NoReturn

import pytest

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
