"""Whoever starts a local stack for itself takes it along, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.depth import EVERYTHING
from tests.dispositions import HEARING
from tests.e2e.local import ROOT
from tests.patience import until

UP = "from pipeline.cli.main import main; main()"
INNER = """
import subprocess
import sys
from tests.e2e.local import Stack

def test_that_takes_long(tmp_path):
    stack = Stack(tmp_path, "benign")
    stack.start()
    alone = [sys.executable, "-c", "import time; time.sleep(600)"]
    subprocess.Popen(alone, start_new_session=True)
    (tmp_path.parent / "begun").touch()
    stack.announced("never", 600)
"""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
FEW = {
    "benchmark": signal.SIGTERM, "demo": signal.SIGHUP, "test": signal.SIGKILL, "up": signal.SIGINT,
}  # fmt: skip


def processes_of(folder: Path) -> dict[int, str]:
    """Find the processes that name a folder in their environment or command line."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
            named = words + (entry / "environ").read_bytes()
        except OSError:
            continue
        if words and os.fsencode(folder) in named:
            found[int(entry.name)] = words.decode("utf-8", "replace").replace("\0", " ")
    return found


def begun(program: str, folder: Path, log: Path) -> bool:
    """Tell whether a program has a stack."""
    match program:
        case "benchmark":
            return "stack ready" in log.read_text()
        case "demo":
            return "stack  is up" in log.read_text()
        case "test":
            return any(folder.rglob("begun"))
        case _:  # it is still starting: afterwards the command has ended
            return any("emulators.storage" in words for words in processes_of(folder).values())


@contextmanager
def started(program: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run a program with its temporary files in a folder during a with block."""
    (inner := folder / "test_inner.py").write_text(INNER)
    command = {
        "benchmark": ["-m", "benchmarks"],
        "demo": ["scripts/demo.py", "--data", str(folder / "data")],
        "test": ["-m", "pytest", "-p", "tests.conftest", "--basetemp", str(folder / "base"), inner],
        "up": ["-c", UP, "up", "--data", str(folder / "data")],
    }[program]
    environ = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    with (log := folder / "log").open("wb") as output:
        process = subprocess.Popen(
            [*HEARING, sys.executable, *command], cwd=ROOT, env=environ, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            yield process, log
        finally:
            process.kill()
            process.wait()
            for pid in processes_of(folder):
                os.kill(pid, signal.SIGKILL)


# One signal each, so that all are seen; `make test-all` sends every signal to every program.
ENDINGS = (
    [(program, number) for program in FEW for number in SIGNALS] if EVERYTHING else FEW.items()
)


@pytest.mark.parametrize(("program", "number"), ENDINGS)
def test_a_program_that_is_ended_leaves_no_process(program: str, number: signal.Signals, tmp_path):
    with started(program, tmp_path) as (process, log):
        until(lambda: begun(program, tmp_path, log), 100, f"{program}'s stack", log.read_text)
        os.kill(process.pid, number)
        until(lambda: process.poll() is not None, 100, f"{program}'s end", log.read_text)
        left = lambda: "\n".join(processes_of(tmp_path).values())  # noqa: E731 - one line
        until(lambda: not processes_of(tmp_path), 60, "the end of its processes", left)
