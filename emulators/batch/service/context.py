"""What every verb works with: the account, the clock, the outside world, and the means to act
later."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from emulators.batch.agent.client import AgentClient
from emulators.batch.agent.environment import NodeFolders
from emulators.batch.autoscale.samples import Samples
from emulators.batch.clock import Clock, Timer
from emulators.batch.document import Doc
from emulators.batch.faults import Faults
from emulators.batch.model.account import Account, Kept
from emulators.batch.model.advice import Advice
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.task import Task
from emulators.batch.options import Options
from emulators.batch.packages.catalogue import Catalogue
from emulators.batch.scheduler.verdict import Ending
from emulators.batch.service.machine import Execution, Machine
from emulators.batch.service.pace import Pace
from emulators.batch.store import Keeper, NotSaved
from emulators.batch.transfer.blobs import Blobs
from emulators.batch.transfer.identities import Identities

_MOST_REFUSED = 100
_PATIENCE_S = 1.0
log = logging.getLogger("emulators.batch")


@dataclass(frozen=True, slots=True)
class Requeue:
    """A run ends without a verdict, so its task is active again.

    `counted` tells whether requeueCount shows it.
    """

    counted: bool = True


class Run(Protocol):
    """One run of a task that can be interrupted; `over` is set when its node is free of it."""

    over: asyncio.Event

    def interrupt(self, outcome: Ending | Requeue) -> None:
        """Interrupt the run with this outcome."""
        ...


@dataclass(kw_only=True)
class Context:
    """Shared by all verbs.

    `machine`, `dispatch`, `drained`, `resized`, `completed` and `job_over` are set once the verbs
    behind them exist.
    """

    options: Options
    clock: Clock
    account: Account
    store: Keeper
    faults: Faults
    agent: AgentClient
    blobs: Blobs
    identities: Identities
    catalogue: Catalogue
    pace: Pace
    machine: Machine = field(init=False)
    endpoint: str = ""
    spot_capacity: int | None = None
    allocating: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    resize_limits: dict[str, Timer] = field(default_factory=dict)
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    node_tasks: dict[tuple[str, str, str], asyncio.Task[None]] = field(default_factory=dict)
    left_running: dict[tuple[str, str, str], Execution] = field(default_factory=dict)
    refused: deque[Doc] = field(default_factory=lambda: deque(maxlen=_MOST_REFUSED))
    advice: Advice = field(default_factory=Advice)
    barred: dict[str, set[str]] = field(default_factory=dict)
    samples: dict[str, Samples] = field(default_factory=dict)
    dispatch: Callable[[str, Iterable[Node] | None], None] = lambda *_: None
    drained: Callable[[Node], None] = lambda _: None
    resized: Callable[[Pool], None] = lambda _: None
    completed: Callable[[Task], None] = lambda _: None
    job_over: Callable[[Job], None] = lambda _: None
    _background: set[asyncio.Task[None]] = field(default_factory=set)
    _waking: dict[str, dict[str, Node] | None] = field(default_factory=dict)
    _folders: dict[str, NodeFolders] = field(default_factory=dict)
    _saving: bool = False

    def folders(self, node: Node) -> NodeFolders:
        """Return the folders of a node; a short name keeps paths short."""
        if node.id not in self._folders:
            short = node.id.removeprefix("tvmps_")[:16]
            self._folders[node.id] = NodeFolders(self.nodes_root / short)
        return self._folders[node.id]

    @property
    def nodes_root(self) -> Path:
        """Return the folder of all nodes."""
        return self.options.data / "nodes"

    def keep(self, *things: Kept) -> None:
        """Save what changed, at the latest at the end of this turn of the loop."""
        for thing in things:
            self.account.keep(thing)
        self._save_soon()

    def forget(self, *things: Kept) -> None:
        """Delete the records of what is gone."""
        for thing in things:
            self.account.forget(thing)
        self._save_soon()

    def save(self) -> None:
        """Save now, because no answer may rest on unsaved changes; raises NotSaved."""
        if self.clock.has_moved():
            self.account.keep(self.clock)
        self.store.save(self.account)

    def _save_soon(self) -> None:
        if not self._saving:
            self._saving = True
            asyncio.get_running_loop().call_soon(self._save_later)

    def _save_later(self) -> None:
        """Save changes that nobody waits for; if that fails, try again later."""
        try:
            self.save()
        except NotSaved as error:
            log.error("Saving failed, next try in a second: %s", error, extra={"action": "save"})  # noqa: TRY400 - the trace says nothing
            asyncio.get_running_loop().call_later(_PATIENCE_S, self._save_later)
        else:
            self._saving = False

    def spawn(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Start background work at once."""
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), name=name, eager_start=True)
        if not task.done():
            self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Background work failed", extra={"action": task.get_name()}, exc_info=error)

    async def close(self) -> None:
        """Stop all background work."""
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def settled(self, keys: Iterable[tuple[str, str]]) -> None:
        """Wait until all of these runs have ended."""
        running = [self.runs[key].over for key in keys if key in self.runs]
        for over in running:
            await over.wait()

    def wake(self, pool_id: str, node: Node | None = None) -> None:
        """Let the scheduler look at a pool, once at the end of this turn of the loop.

        `node` says that only this node has changed, so that the scheduler need not read a large
        pool whole.
        """
        key = pool_id.lower()
        if key not in self._waking:
            self._waking[key] = {}
            asyncio.get_running_loop().call_soon(self._woken, key)
        changed = self._waking[key]
        if node is None:
            self._waking[key] = None
        elif changed is not None:
            changed[node.id] = node

    def _woken(self, key: str) -> None:
        changed = self._waking.pop(key)
        self.dispatch(key, None if changed is None else changed.values())
