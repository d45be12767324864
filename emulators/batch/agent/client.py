"""The emulator's end of the agent: sends orders, receives endings, replaces an agent that was
lost."""

import asyncio
import contextlib
import errno
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulators.batch.agent import process
from emulators.batch.agent.users import group_of
from emulators.batch.model.usage import Usage

_LINE_LIMIT = 1 << 20
_SHORT_LIFE_S, _PAUSE_S = 10.0, 1.0


class AgentLost(Exception):
    """The agent process died, and with it everything that it ran."""


@dataclass(frozen=True, slots=True)
class Order:
    """A program to start: without a shell, in a clean environment, with its output in two files.

    The agent's end runs `removal` if the program still runs then. Processes that the program leaves
    behind die with it; with `lingers` they live until somebody kills the program.
    """

    argv: Sequence[str]
    cwd: Path
    env: dict[str, str]
    stdout: Path
    stderr: Path
    removal: Sequence[str] = ()
    lingers: bool = False
    user: int | None = None

    @property
    def group(self) -> int | None:
        """Return the user's primary group."""
        return None if self.user is None else group_of(self.user)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended: its exit code, or why it did not start."""

    code: int = 0
    refusal: str = ""
    errno: int = 0

    @property
    def not_found(self) -> bool:
        """Tell whether the program does not exist."""
        return self.errno in (errno.ENOENT, errno.ENOTDIR)


class Running:
    """A program that the agent was told to start; `gone` is set once none of its processes is
    left."""

    def __init__(self, number: int, agent: "AgentClient") -> None:
        self.ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.usage: Usage | None = None
        self._number, self._agent = number, agent

    def kill(self) -> None:
        """Kill the program and everything that it started."""
        self._agent.send({"op": "kill", "id": self._number})


class AgentClient:
    """Starts programs under the agent; `folder` marks the processes that belong to us.

    An agent that died soon after its start is replaced after a `pause`.
    """

    def __init__(
        self, folder: Path, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._folder, self._pause = folder, pause
        self._began = 0.0
        self._numbers = itertools.count(1)
        self._running: dict[int, Running] = {}
        self._orders: list[bytes] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Start the agent; first it kills what an earlier agent left running."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._began = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-SE",
            process.__file__,
            str(self._folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._listen(self._process))

    async def close(self) -> None:
        """End the agent and, with it, every program."""
        if self._process is None or self._process.stdin is None or self._reader is None:
            return
        self._reader.cancel()
        self._process.stdin.close()
        await self._process.wait()

    async def launch(self, order: Order) -> Running:
        """Start a program; a lost agent is replaced first."""
        # One at a time: two replacements would wait for each other's end.
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                if time.monotonic() - self._began < _SHORT_LIFE_S:
                    await self._pause(_PAUSE_S)
                await self.start()
        number = next(self._numbers)
        running = self._running[number] = Running(number, self)
        self.send(
            {
                "op": "start",
                "id": number,
                "argv": list(order.argv),
                "cwd": str(order.cwd),
                "env": order.env,
                "stdout": str(order.stdout),
                "stderr": str(order.stderr),
                "user": order.user,
                "group": order.group,
                "removal": list(order.removal),
                "lingers": order.lingers,
            }
        )
        return running

    def send(self, order: dict[str, object]) -> None:
        """Send one order, together with the others of this turn of the loop."""
        if not self._orders:
            asyncio.get_running_loop().call_soon(self._flush)
        self._orders.append(json.dumps(order).encode() + b"\n")

    def _flush(self) -> None:
        orders, self._orders = self._orders, []
        if self._process is not None and self._process.stdin is not None:
            # The listener notices that the agent is lost.
            with contextlib.suppress(ConnectionError):
                self._process.stdin.write(b"".join(orders))

    async def _listen(self, agent: asyncio.subprocess.Process) -> None:
        if agent.stdout is None:
            return
        while line := await agent.stdout.readline():
            report = json.loads(line)
            running = self._running.get(report["id"])
            if running is not None:
                self._note(running, report)
        await agent.wait()
        lost, self._running = self._running, {}
        for running in lost.values():
            running.gone.set()
            if not running.ended.done():
                running.ended.set_exception(AgentLost())

    def _note(self, running: Running, report: dict[str, Any]) -> None:
        if "usage" in report:
            running.usage = Usage(*report["usage"])
        if not report.get("lingers"):
            del self._running[report["id"]]
            running.gone.set()
        if not running.ended.done():
            running.ended.set_result(
                Exit(report.get("code", 0), report.get("message", ""), report.get("errno", 0))
            )
