"""Runs whose outputs are fetched, and what is in a folder afterwards."""

from pathlib import Path

import pytest

from pipeline.domain.runs.run import Run
from tests.unit.cli.conftest import LINES, Cli

SEPARATE = LINES.replace("concatenate: {format: plain, name: all.txt}", "none: {}")
SMALL, LARGE = b"alpha\n", b"beta" * 1000


@pytest.fixture
def cli(cli_with) -> Cli:
    """Make an app whose items write two files each; the output has them as they are."""
    return cli_with(SEPARATE, program=lambda _: [("a.txt", SMALL), ("deep/b.bin", LARGE)])


@pytest.fixture
def run(cli) -> Run:
    """Run one item to its end."""
    return run_of(cli)


def run_of(cli: Cli, name: str = "a.txt", content: bytes = b"one\n") -> Run:
    """Run a text to its end, and return its run."""
    cli.app.upload(f"lines/{name}", content)
    cli.app.settle()
    return next(run for run in cli.app.all_runs() if run.input.name == f"lines/{name}")


def files_in(folder: Path) -> dict[str, bytes]:
    """Read everything that is in a folder, by its path."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def refusal(cli: Cli, *arguments: object, code: int = 1) -> str:
    """Return the one line with which a command refuses."""
    result = cli(*arguments)
    assert (result.exit_code, type(result.exception)) == (code, SystemExit), result.output
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("Fetching")]
    return line
