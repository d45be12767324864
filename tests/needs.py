"""What some tests need of a machine. Without it they are skipped, and pytest ends with why."""

from typing import NoReturn

import pytest


def missing(thing: str, packages: str) -> NoReturn:
    """Skip the test, and say what to install."""
    pytest.skip(f"for want of {thing} (apt-get install {packages})")
