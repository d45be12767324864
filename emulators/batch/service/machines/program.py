"""One command of a node: what it needs, its process, and what the end of that means."""

import asyncio
import shlex
from dataclasses import dataclass
from pathlib import Path

from emulators.batch.agent.client import Exit, Order, Running
from emulators.batch.agent.environment import Place
from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Ending, Failure, process_ended, time_is_up
from emulators.batch.service.context import Context
from emulators.batch.service.machines.node_image import NodeImage

_SIGNAL_BASE = 128


@dataclass(slots=True)
class Program:
    """A command with everything it needs; `process` exists while it runs."""

    spec: Doc
    place: Place
    env: dict[str, str]
    process: Running | None = None
    patience: asyncio.Timeout | None = None
    expired: bool = False
    lingers: bool = False
    user: int | None = None

    @property
    def directory(self) -> Path:
        """Return its directory, which holds its logs and `wd`."""
        return self.place.directory

    @property
    def wd(self) -> Path:
        """Return its working directory."""
        return self.directory / "wd"

    def expire(self) -> None:
        """Kill it because its time is up."""
        self.expired = True
        if self.patience is not None:
            self.patience.reschedule(0.0)
        if self.process is not None:
            self.process.kill()

    async def kill(self) -> None:
        """Kill it and wait until it is gone; a lost agent has killed it already."""
        if self.process is not None:
            self.process.kill()
            await self.process.gone.wait()


def pool_of(ctx: Context, what: Program) -> Doc:
    """Return the settings of the pool that it runs on; empty once the pool is gone."""
    pool = ctx.account.pools.get(what.place.pool_id.lower())
    return pool.spec if pool is not None else {}


async def run_process(ctx: Context, what: Program) -> Ending:
    """Run it as a process."""
    try:
        argv = shlex.split(str(what.spec["commandLine"]))
    except ValueError as error:
        return not_launched("CommandLaunchFailed", str(error))
    if not argv:
        return not_launched("CommandProgramNotFound", "The command line is empty")
    ended = await launched(ctx, what, order_of(what, argv, what.env))
    if ended.refusal:
        code = "CommandProgramNotFound" if ended.not_found else "CommandLaunchFailed"
        return not_launched(code, _with_hint(ctx, argv[0], ended))
    return judged(what, ended)


def _with_hint(ctx: Context, program: str, ended: Exit) -> str:
    """Say where this machine has a program that its nodes lack."""
    here = NodeImage.of(ctx.options).only_here(program) if ended.not_found else ""
    return ended.refusal + (f"; this machine has it as {here}, nodes do not" if here else "")


def order_of(what: Program, argv: list[str], env: dict[str, str]) -> Order:
    """Return the order for the agent."""
    out, err = what.directory / "stdout.txt", what.directory / "stderr.txt"
    return Order(argv, what.wd, env, out, err, user=what.user, lingers=what.lingers)


async def launched(ctx: Context, what: Program, order: Order) -> Exit:
    """Start it and wait for its end."""
    what.process = await ctx.agent.launch(order)
    if what.expired:
        what.process.kill()
    return await asyncio.shield(what.process.ended)


def judged(what: Program, ended: Exit) -> Ending:
    """Judge its exit; if its time was up, the exit code says nothing."""
    exit_code = ended.code if ended.code >= 0 else _SIGNAL_BASE - ended.code
    return time_is_up(exit_code) if what.expired else process_ended(exit_code)


def not_launched(code: str, message: str) -> Ending:
    """Return the ending of a command that did not start."""
    words = "The specified command program is not found"
    failure = Failure(
        code,
        words
        if code == "CommandProgramNotFound"
        else "The specified command could not be launched",
        details={"Message": message},
    )
    return Ending(failure=failure, phase="before")
