"""How long the commands take that people type all day, on a project of their own.

Each runs as a process of its own, as `bin/fanfare` does, with modules that were compiled before.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Report, most
from benchmarks.stack import processors
from pipeline.cli.project import scaffold

_MAIN = "from pipeline.cli.main import main; main()"
_PLAN = ("plan", "shout", "samples/poem.txt")


def measure(report: Report, rounds: int) -> None:
    """Add the times of commands, and of a second start of a stack."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        scaffold.of_template("project").write(project)
        _run(project, "up")  # also compiles, and makes the pools
        try:
            _run(project, "ls")
            shown = [_seconds(project, "--version") for _ in range(rounds)]
            listed = [_seconds(project, "ls") for _ in range(rounds)]
            planned = [processors.of_children(lambda: _run(project, *_PLAN)) for _ in range(rounds)]
        finally:
            _run(project, "down")
        ups = [_again(project) for _ in range(rounds)]
    report.medians("fanfare --version", shown, "s", most(0.15))
    report.medians("fanfare ls, local stack", listed, "s", most(0.6))
    report.medians("fanfare plan, processor time", planned, "s", most(1.0))
    report.medians("fanfare up, not the first", ups, "s", most(4.0))


def _again(project: Path) -> float:
    seconds = _seconds(project, "up")
    _run(project, "down")
    return seconds


def _seconds(project: Path, *words: str) -> float:
    began = time.monotonic()
    _run(project, *words)
    return time.monotonic() - began


def _run(project: Path, *words: str) -> None:
    compiled = {name: text for name, text in os.environ.items() if "BYTECODE" not in name}
    command = [sys.executable, "-c", _MAIN, *words]
    subprocess.run(command, cwd=project, env=compiled, check=True, stdout=subprocess.DEVNULL)
