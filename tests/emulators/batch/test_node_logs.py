"""Logs of nodes as files: whole lines, limited size, found by time."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from emulators.batch.service.node_logs import NodeLogs


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
