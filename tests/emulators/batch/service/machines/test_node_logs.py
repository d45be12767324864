"""Logs of nodes as files: whole lines, limited size, found by time."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from azure.batch import models

from emulators.batch.service.machines.node_logs import NodeLogs
from tests.emulators.batch.running import Emulator


def test_a_log_that_is_full_makes_room_and_both_files_are_found(tmp_path: Path) -> None:
    async def write() -> None:
        logs = NodeLogs()
        for hour in range(24):
            logs.note(tmp_path / "n", f"2026-01-01T{hour:02}:00:00Z {'x' * 60_000}")
            logs.flush()

    asyncio.run(write())
    logs = NodeLogs()
    both = list(logs.between(tmp_path / "n", datetime(2026, 1, 1, tzinfo=UTC), None))
    late = datetime(2026, 1, 1, 20, tzinfo=UTC)
    assert [path.name for path in both] == ["agent-debug.1.log", "agent-debug.log"]
    assert [path.name for path in logs.between(tmp_path / "n", late, None)] == ["agent-debug.log"]
    assert list(logs.between(tmp_path / "other", late, None)) == []


def test_a_line_of_a_log_stays_one_line(tmp_path: Path) -> None:
    async def write() -> None:
        logs = NodeLogs()
        logs.note(tmp_path, "2026-01-01T00:00:00Z Task j/t: said\n2026-02-02T00:00:00Z\u2028 this")
        logs.flush()

    asyncio.run(write())
    assert len((tmp_path / "agent-debug.log").read_text().splitlines()) == 1


def test_nothing_is_written_for_a_node_that_has_gone(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data")
    emulator.add_pool("p")
    (node,) = emulator.client.list_nodes("p")
    emulator.client.begin_remove_nodes(
        "p", models.BatchNodeRemoveOptions(node_ids=[node.id]), polling_interval=0.05
    ).result()
    # All waiting lines are written at the end.
    emulator.stop()
    assert list((tmp_path / "data" / "logs").glob("*")) == []
