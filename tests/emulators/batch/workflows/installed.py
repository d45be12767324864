"""The programs of other makers, which `make` installs into environments of their own."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.depth import EVERYTHING
from tests.emulators.batch.running import ROOT
from tests.patience import stretched

_LONGEST_S = 240
# Each command would compile what it imports anew.
_COMPILED = {"PYTHONPYCACHEPREFIX": str(ROOT / ".venv/pycache")}


@dataclass(frozen=True)
class Ended:
    """What a program printed, and its exit code."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True)
class Program:
    """A program in a clean environment of its own, started anew for each command."""

    path: Path
    environment: Mapping[str, str]

    def run(self, *words: str) -> Ended:
        """Run a command to its end."""
        ended = subprocess.run(
            [str(self.path), *words],
            env={"PATH": os.environ["PATH"], **_COMPILED, **self.environment},
            cwd=self.environment["HOME"],
            capture_output=True,
            text=True,
            timeout=stretched(_LONGEST_S),
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)


def program(name: str, thing: str, target: str) -> Path:
    """Return the path of a program; skip the tests of a module that are too long or lack it."""
    if not EVERYTHING:
        pytest.skip("`make test-all PARTS=workflows` runs them", allow_module_level=True)
    folder = ROOT / ".venv" / target
    if not (folder / ".ready").exists():
        pytest.skip(f"for want of {thing} (make {target})", allow_module_level=True)
    return folder / "bin" / name
