"""What the seconds of a task were for, as nodes and Storage tell it."""

import subprocess
from pathlib import Path

from pipeline.ledger import tasks
from tests.e2e.local import Stack

LINES = b"".join(b"%07d\n" % number for number in range(20_000))


def keeps_times_of_creation(folder: Path) -> bool:
    told = subprocess.run(["stat", "-c", "%W", folder], capture_output=True, text=True, check=True)
    return int(told.stdout) > 0


def test_the_row_of_a_task_has_its_download_run_and_upload(stack: Stack):
    run, _ = stack.succeeded(stack.upload("delivered-range/a.txt", LINES, "delivered-range"))
    rows = list(tasks.results(stack.engine.ports.tables, run.id, 1))
    assert rows
    assert all(row.seconds > 0 and row.upload_seconds is not None for row in rows)
    known = {row.download_seconds is not None for row in rows}
    assert known == {keeps_times_of_creation(stack.local.data)}
