"""What happens on a node beside tasks: its boot with the start task, preparations, releases."""

import asyncio
from collections.abc import Callable, Container, Coroutine, Iterable
from dataclasses import dataclass

from emulators.batch.agent.client import AgentLost
from emulators.batch.document import Doc, stamp
from emulators.batch.model.node import Node
from emulators.batch.scheduler.verdict import Ending, shall_retry
from emulators.batch.service.context import Context
from emulators.batch.service.machine import Execution

type Work = Coroutine[None, None, None]
type Key = tuple[str, str, str]


def only_one(
    ctx: Context, node: Node, what: str, work: Callable[[], Work], job_id: str = ""
) -> asyncio.Task[None]:
    """Begin something on a node unless it already runs; at its end, forget it."""
    key = (job_id, node.id, what)
    task = ctx.node_tasks.get(key)
    if task is None or task.done():
        task = ctx.node_tasks[key] = ctx.spawn(work(), f"{what} at {node.id}")
        task.add_done_callback(lambda done: _over(ctx, key, done))
    return task


def _over(ctx: Context, key: Key, done: asyncio.Task[None]) -> None:
    if ctx.node_tasks.get(key) is done:
        del ctx.node_tasks[key]


def end_node_tasks(ctx: Context, node: Node, spared: Container[str] = ()) -> None:
    """Begin to end what runs on a node, with its processes."""
    end_once(
        [task for key, task in ctx.node_tasks.items() if key[1] == node.id and key[2] not in spared]
    )


def end_once(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Begin to end these; do not disturb one that is already ending its process."""
    for task in tasks:
        if not task.cancelling():
            task.cancel()


async def at_rest(ctx: Context, node: Node, spared: Container[str] = ()) -> None:
    """Wait until no task runs on a node, then end what else runs there.

    What `spared` names may end by itself.
    """
    await ctx.settled(list(node.running.values()))
    end_node_tasks(ctx, node, spared)
    while left := [task for key, task in ctx.node_tasks.items() if key[1] == node.id]:
        await asyncio.wait(left)
    await end_left_running(ctx, lambda key: key[1] == node.id)


async def end_left_running(ctx: Context, whose: Callable[[Key], bool]) -> None:
    """Kill what start tasks and preparations left running to serve tasks."""
    ended = [ctx.left_running.pop(key) for key in list(ctx.left_running) if whose(key)]
    await asyncio.gather(*(execution.kill() for execution in ended))


@dataclass(frozen=True, slots=True)
class Command:
    """A start, preparation or release task.

    `info` shows how it goes, and `keep` saves that. After success the processes that it left
    running are noted under `left`; without `left` they end.
    """

    name: str
    execution: Callable[[], Execution]
    info: Doc
    retries: int
    keep: Callable[[], None]
    left: Key | None = None


async def run_tries(ctx: Context, node: Node, command: Command) -> Ending:
    """Run a command until it needs no further attempt; a cancelled call kills the process first."""
    info = command.info
    while True:
        info["startTime"] = stamp(ctx.clock.now())
        command.keep()
        what = command.execution()
        try:
            ending = await what.run(lingers=command.left is not None)
        except AgentLost:
            continue
        except asyncio.CancelledError:
            await what.kill()
            raise
        ctx.machine.note(node, f"{command.name}: {ending.told}")
        if ending.failure is not None:
            await what.kill()
        elif command.left is not None and what.has_left():
            ctx.left_running[command.left] = what
        if not shall_retry(ending, info["retryCount"], command.retries):
            return ending
        info["retryCount"] += 1
        info["lastRetryTime"] = stamp(ctx.clock.now())


def outcome_of(ending: Ending, at: str) -> Doc:
    """Return the execution info of a start, preparation or release task that has ended."""
    return {"state": "completed", "endTime": at, **ending.outcome()}
