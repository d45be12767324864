"""The emulator's end of the agent, without an emulator."""

import asyncio
import sys
from pathlib import Path

import pytest

from emulators.batch.agent.client import AgentClient, AgentLost, Order


async def launch_and_lose(folder: Path, times: int) -> list[float]:
    """Launch programs under agents that cannot start; return the pauses between them."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    agent = AgentClient(folder, pause)
    await agent.start()
    order = Order([sys.executable], folder, {}, folder / "out", folder / "err")
    for _ in range(times):
        running = await agent.launch(order)
        with pytest.raises(AgentLost):
            await running.ended
    await agent.close()
    return pauses


def test_agents_that_die_at_once_do_not_follow_one_another_without_a_pause(tmp_path: Path) -> None:
    (tmp_path / "agent.lock").mkdir()
    assert asyncio.run(launch_and_lose(tmp_path, 3)) == [1.0, 1.0]
