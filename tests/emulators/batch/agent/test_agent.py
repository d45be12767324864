"""The emulator's end of the agent, without an emulator."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from emulators.batch.agent.client import AgentClient, AgentLost, Order
from tests.emulators.batch.running import alive


async def launch_and_lose(folder: Path, times: int) -> list[float]:
    """Launch programs under agents that cannot start; return the pauses between the agents."""
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


async def linger_and_finish(folder: Path, count: int) -> tuple[list[int], list[int]]:
    """Leave processes running that change programs a few times while others end.

    Return the processes that live then, and those that outlive the agent.
    """
    agent = AgentClient(folder)
    await agent.start()
    script = f"{'env ' * 30} sleep 300 & echo $! > pid"
    lingering, files = [], []
    for number in range(count):
        place = folder / str(number)
        place.mkdir()
        files.append(place / "pid")
        order = Order(["/bin/sh", "-c", script], place, variables(place), place / "o", place / "e")
        lingering.append(await agent.launch(replace(order, lingers=True)))
        ends = replace(order, argv=["/bin/true"], env=variables(folder / "other"))
        for _ in range(3):
            await (await agent.launch(ends)).ended
    for running in lingering:
        await running.ended
    pids = [int(file.read_text()) for file in files]
    alive_before = [pid for pid in pids if alive(pid)]
    await agent.close()
    return alive_before, [pid for pid in pids if alive(pid)]


def variables(place: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "AZ_BATCH_TASK_DIR": str(place)}


def test_what_lingers_is_not_taken_for_a_stray_while_it_becomes_another_program(
    tmp_path: Path,
) -> None:
    before, after = asyncio.run(linger_and_finish(tmp_path, 20))
    assert len(before) == 20
    assert not after


async def finish_without_environment(folder: Path) -> int:
    agent = AgentClient(folder)
    await agent.start()
    script = "env -i sleep 300 & echo $! > pid"
    order = Order(["/bin/sh", "-c", script], folder, variables(folder), folder / "o", folder / "e")
    await (await agent.launch(order)).ended
    pid = int((folder / "pid").read_text())
    while alive(pid):
        await asyncio.sleep(0.02)
    await agent.close()
    return pid


def test_a_stray_without_any_environment_is_found_in_the_end(tmp_path: Path) -> None:
    assert not alive(asyncio.run(asyncio.wait_for(finish_without_environment(tmp_path), 30)))
