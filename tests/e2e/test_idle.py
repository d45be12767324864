"""A stack that has nothing to do leaves the processor to its user."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.local import ROOT
from tests.e2e.test_endings import processes_of
from tests.patience import slowness, stretched, until

WATCHED_S = 15
SHARE = 0.03  # of one core


def used_s(folder: Path) -> float:
    """Return the processor time of all processes of a folder so far, in seconds."""
    total = 0.0
    for pid in processes_of(folder):
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system
    return total


def share(folder: Path) -> float:
    """Watch the processes of a folder, and return their share of one quiet core."""
    before, began = used_s(folder), time.monotonic()
    time.sleep(WATCHED_S)
    return (used_s(folder) - before) / (time.monotonic() - began) / slowness()


def fanfare(*words: str) -> None:
    command = [str(ROOT / ".venv/bin/fanfare"), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=stretched(100), check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_an_idle_stack_takes_at_most_three_percent_of_a_core(tmp_path: Path):
    shares: list[float] = []

    def idle() -> bool:
        shares.append(share(tmp_path))
        return shares[-1] <= SHARE

    fanfare("up", "--data", str(tmp_path))
    try:
        until(idle, 100, f"a share of {SHARE:.0%}", lambda: f"It took {shares}")
    finally:
        fanfare("down", "--data", str(tmp_path))
