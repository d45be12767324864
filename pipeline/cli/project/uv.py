"""Finds uv, which chooses and installs packages; it was installed with the engine."""

import sysconfig
from pathlib import Path

from pipeline.cli.exits import CommandError


def uv() -> Path:
    """Return the program. Raises CommandError if it is missing."""
    program = Path(sysconfig.get_path("scripts"), "uv")
    if not program.is_file():
        raise CommandError(
            f"{program} is missing: install the engine anew (in its sources: `make setup`)."
        )
    return program
