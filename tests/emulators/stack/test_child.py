"""A supervised service outlives failing writes; a defect of its supervisor is reported."""

import asyncio
import errno
import os
import signal

import pytest

from emulators.stack.child import Child
from emulators.stack.errors import StackError
from tests.emulators.stack.conftest import FAKE
from tests.patience import stretched


async def until(probe) -> None:
    async with asyncio.timeout(stretched(60)):
        while not probe():
            await asyncio.sleep(0.01)


def child_of(folder, on_restart) -> Child:
    command = [*FAKE, "--port", "1", "--data", str(folder / "batch")]
    return Child("batch", command, folder / "batch.log", on_restart)


def raising(error: Exception, seen: list[int]):
    def on_restart() -> None:
        seen.append(1)
        raise error

    return on_restart


def test_a_full_disk_at_a_restart_does_not_end_the_supervision(tmp_path):
    seen = []

    async def scenario() -> bool:
        child = child_of(tmp_path, raising(OSError(errno.ENOSPC, "no space left"), seen))
        await child.start()
        try:
            for times in (1, 2):
                os.kill(child.pid, signal.SIGKILL)
                await until(lambda n=times: len(seen) == n)
            return child.died.done()
        finally:
            await child.stop()

    assert asyncio.run(scenario()) is False


def test_a_service_that_cannot_be_executed_for_a_while_comes_back(tmp_path, caplog):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nexec {FAKE[0]} {FAKE[1]} $@\n")
    program.chmod(0o700)

    async def scenario() -> None:
        back = asyncio.Event()
        command = [str(program), "--port", "1", "--data", str(tmp_path / "batch")]
        child = Child("batch", command, tmp_path / "batch.log", back.set)
        await child.start()
        try:
            program.chmod(0o600)
            os.kill(child.pid, signal.SIGKILL)
            await until(lambda: "could not be started again" in caplog.text)
            program.chmod(0o700)
            await until(back.is_set)
        finally:
            await child.stop()

    asyncio.run(scenario())
    assert (tmp_path / "events").read_text().split().count("start") == 2


def test_a_supervisor_that_ends_by_a_defect_says_so(tmp_path):
    async def scenario() -> str:
        child = child_of(tmp_path, raising(RuntimeError("a defect"), []))
        await child.start()
        try:
            os.kill(child.pid, signal.SIGKILL)
            await until(child.died.done)
            return child.died.result()
        finally:
            await child.stop()

    assert "batch has lost its supervisor: RuntimeError('a defect')" in asyncio.run(scenario())


def test_a_log_that_cannot_be_opened_is_one_message(tmp_path):
    (tmp_path / "batch.log").mkdir()

    async def scenario() -> None:
        child_of(tmp_path, lambda: None)

    with pytest.raises(StackError, match="log of batch cannot be written"):
        asyncio.run(scenario())
