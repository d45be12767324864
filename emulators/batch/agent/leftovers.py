"""Finds processes of an earlier life by the task directory in their environment, and kills them."""

import time
from pathlib import Path

from emulators.batch.agent.process import kill_tree, marker_of

_PATIENCE_S = 5.0


def leftovers(folder: Path) -> list[int]:
    """Return the processes whose task directory lies in this folder."""
    prefix = f"{folder}/"
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if marker_of(pid).startswith(prefix)]


def kill_leftovers(folder: Path) -> None:
    """Kill them and wait until they are gone, so that nothing runs twice at once."""
    deadline = time.monotonic() + _PATIENCE_S
    while (found := leftovers(folder)) and time.monotonic() < deadline:
        for pid in found:
            kill_tree(pid)
        time.sleep(0.01)
