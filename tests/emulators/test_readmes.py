"""Each emulator's README lists its flags, and stays readable."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("storage", "eventgrid", "batch", "functions", "stack")
PAGES = [ROOT / f"emulators/{name}/README.md" for name in PROGRAMS]
WIDTH = 100


def flags_of(program: str) -> set[str]:
    """Return the flags that `--help` lists, without `--help` itself."""
    command = [sys.executable, "-m", f"emulators.{program}", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = re.findall(r"^  (?:-h, )?(--.*)$", shown, re.MULTILINE)
    return {flag for line in lines for flag in re.findall(r"(?:^|, )(--[a-z-]+)", line)} - {
        "--help"
    }


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_readme_of_a_program_lists_its_flags(program: str) -> None:
    page = (ROOT / f"emulators/{program}/README.md").read_text("utf-8")
    cells = re.findall(r"^\| (`--.*?) \|", page, re.MULTILINE)
    assert {flag for cell in cells for flag in re.findall(r"`(--[a-z-]+)`", cell)} == flags_of(
        program
    )


@pytest.mark.parametrize("page", PAGES, ids=PROGRAMS)
def test_lines_of_prose_are_short(page: Path) -> None:
    """Tables, code and links may be longer."""
    parts = page.read_text("utf-8").split("```")[::2]
    lines = [line for part in parts for line in part.splitlines()]
    long = [
        one for one in lines if len(one) > WIDTH and not one.startswith("|") and "](" not in one
    ]
    assert not long
