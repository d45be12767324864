"""A simulated account that is killed and restarted from its saved state.

Its nodes notice when the service does what no machine could bear.
"""

import json
import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from emulators.batch.document import Doc
from emulators.batch.errors import STATUS, BatchError
from emulators.batch.model.account import Account, Kept
from emulators.batch.model.node import Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import IllegalMove, NodeState
from emulators.batch.scheduler.verdict import Ending
from emulators.batch.service.context import Context
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.machines.simulated import SimulatedExecution, SimulatedMachine
from emulators.batch.service.nodes import life as node_verbs
from emulators.batch.simulation.world import Simulation
from emulators.batch.store import restored
from emulators.batch.timing import read_profile

_DYING_S = 4.0
type Key = tuple[str, str, str]
type Program = tuple[str, str]


class Records:
    """A store in memory, with the texts of the real one; a dead process saves no more."""

    def __init__(self, bodies: dict[Key, str] | None = None) -> None:
        self.bodies = bodies or {}
        self.saves_left: int | None = None
        self.stored: Callable[[Account], None] = lambda _: None

    def load(self) -> Account:
        """Build the account that was saved."""
        return restored(
            lambda kind: [self.bodies[key] for key in sorted(self.bodies) if key[0] == kind]
        )

    def clock_ahead_s(self) -> float:
        """Return how many seconds the saved clock was ahead."""
        body = self.bodies.get(("clock", "", ""))
        return float(json.loads(body)["ahead_s"]) if body else 0.0

    def save(self, account: Account) -> None:
        """Save what changed, unless the process is dead by now."""
        changes, account.unsaved = account.unsaved, {}
        if self.saves_left is not None:
            self.saves_left -= 1
            if self.saves_left < 0:
                return
        for key, thing in changes.items():
            if thing is None:
                self.bodies.pop(key, None)
            else:
                self.bodies[key] = thing.record()
        self.stored(account)

    def close(self) -> None:
        """Hold nothing."""


class Nodes(SimulatedMachine):
    """Programs that take a moment to die, and an outside view of them."""

    def __init__(self, ctx: Context, began: Callable[[Program], None]) -> None:
        super().__init__(ctx)
        self.ctx, self.began = ctx, began
        self.alive: Counter[Program] = Counter()
        self.used: Counter[str] = Counter()
        self.alive_at: Counter[tuple[str, str]] = Counter()
        self.is_over = False

    def execution(
        self, node: Node, spec: Doc, directory: Path, *, job_id: str = "", task_id: str = ""
    ) -> SimulatedExecution:
        """Watch a program; programs of nodes and jobs take no slots."""
        if "requiredSlots" not in spec:
            return _OfNode(self, node, spec, directory)
        return _Watched(self, node, spec, (job_id.lower(), task_id.lower()))

    def nodes_at_work(self) -> set[str]:
        """Return the nodes where a start, preparation or release task is alive."""
        return {node for (node, _), count in self.alive_at.items() if count}


class _Mortal(SimulatedExecution):
    """A program that is counted while it lives, and slow to die."""

    def __init__(self, nodes: Nodes, spec: Doc) -> None:
        super().__init__(nodes.ctx, spec)
        self._nodes, self._lives = nodes, False

    @abstractmethod
    def _counted(self, change: int) -> None:
        """Count what lives of each kind."""

    async def run(self, *, lingers: bool = False) -> Ending:
        """Begin if no law forbids it."""
        self._lives = True
        self._counted(1)
        ending = await super().run()
        self._gone()
        return ending

    async def kill(self) -> None:
        """Die slowly."""
        if self._lives and not self._nodes.is_over:
            await self._nodes.ctx.clock.sleep(_DYING_S)
        self._gone()

    def _gone(self) -> None:
        if self._lives:
            self._lives = False
            self._counted(-1)


class _OfNode(_Mortal):
    """A start, preparation or release task; it never runs twice at once in one folder."""

    def __init__(self, nodes: Nodes, node: Node, spec: Doc, directory: Path) -> None:
        super().__init__(nodes, spec)
        self._key = (node.id, str(directory))

    def _counted(self, change: int) -> None:
        alive = self._nodes.alive_at
        alive[self._key] += change
        if change > 0:
            assert alive[self._key] == 1, f"{self._key} runs twice"


class _Watched(_Mortal):
    """A task; it never runs twice at once, needs free slots, and runs after its dependencies."""

    def __init__(self, nodes: Nodes, node: Node, spec: Doc, program: Program) -> None:
        super().__init__(nodes, spec)
        self._node, self._program, self._slots = node, program, int(spec["requiredSlots"])

    def _counted(self, change: int) -> None:
        nodes, node = self._nodes, self._node
        nodes.alive[self._program] += change
        nodes.used[node.id] += change * self._slots
        if change > 0:
            assert nodes.alive[self._program] == 1, f"{self._program} runs twice"
            assert nodes.used[node.id] <= node.slots, f"{node.id} has too few slots"
            nodes.began(self._program)


# Stories know when the event that they wait for has come.
_PROFILE = read_profile(
    "allocate=5,create=20,start=25,leave=10,reboot=30,reimage=30,deallocate=30,return=60,delete=10"
)


class Lives:
    """One account through any number of processes."""

    def __init__(self, began: Callable[[Program], None], nodes: type[Nodes] = Nodes) -> None:
        self._began, self._nodes = began, nodes
        self.records = Records()
        self.failures = _Failures()
        logging.getLogger("emulators.batch").addHandler(self.failures)
        self.sim, self.nodes = self._born(None)

    def _born(self, began: float | None) -> tuple[Simulation, Nodes]:
        made: list[Nodes] = []

        def furnish(ctx: Context) -> Nodes:
            made.append(self._nodes(ctx, self._began))
            return made[0]

        return Simulation(
            self.records, furnish, began, node_quota=12, timing_profile=_PROFILE
        ), made[0]

    def do[T](
        self,
        verb: Callable[[Emulator], T],
        refused: Callable[[Account], None] = lambda _: None,
    ) -> T:
        """Run a verb, and compare what it saved with the state."""

        def checked(emulator: Emulator) -> T:
            try:
                return verb(emulator)
            except (BatchError, IllegalMove):
                refused(emulator.ctx.account)
                raise
            finally:
                emulator.ctx.save()
                now, saved = present(emulator.ctx.account), self.saved()
                wrong = {key for key in now.keys() | saved.keys() if now.get(key) != saved.get(key)}
                assert not wrong, [(now.get(key), saved.get(key)) for key in wrong]

        return self.sim.do(checked)

    def ask[T](self, verb: Callable[[Emulator], T]) -> T | None:
        """Make a request; a refusal has a documented code and changes nothing."""
        before: dict[Key, str] = {}

        def noted(emulator: Emulator) -> T:
            before.update(present(emulator.ctx.account))
            return verb(emulator)

        try:
            return self.do(noted, refused=lambda account: check_same(before, present(account)))
        except BatchError as error:
            assert error.code in STATUS, error.code
            assert 400 <= error.status < 500 or error.code == "TooManyEnableAutoScaleRequests"
        except IllegalMove:
            pass  # The wire answers OperationInvalidForCurrentState.
        return None

    def saved(self) -> dict[Key, str]:
        """Return what is saved of the account; samples are saved now and then."""
        return {
            key: body
            for key, body in self.records.bodies.items()
            if key[0] not in ("clock", "samples")
        }

    def kill_and_restart(self) -> None:
        """Kill the process, now or a few saves ago, and start the next one."""
        now = self.nodes.ctx.clock.seconds()
        self._end()
        stored, self.records = self.records.stored, Records(dict(self.records.bodies))
        self.records.stored = stored
        self.sim, self.nodes = self._born(now)

    def _end(self) -> None:
        self.nodes.is_over, self.records.saves_left = True, 0
        self.sim.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end()
        logging.getLogger("emulators.batch").removeHandler(self.failures)


class _Failures(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Collect failures on the side."""
        error = record.exc_info[1] if record.exc_info else None
        self.seen.append(f"{record.getMessage()}: {getattr(record, 'action', '')}: {error!r}")


def present(account: Account) -> dict[Key, str]:
    """Return the present account in the form of the store."""
    return {thing.table_key: thing.record() for thing in _things(account)}


def check_same(before: dict[Key, str], after: dict[Key, str]) -> None:
    """Check that a refused request, or one that only asks, has changed nothing."""
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert not changed, f"a refused request has changed {changed}"


def _things(account: Account) -> Iterable[Kept]:
    for pool in account.pools.values():
        yield pool
        yield from pool.nodes.values()
    yield from account.schedules.values()
    for job in account.jobs.values():
        yield job
        yield from job.tasks.values()
        yield from job.departed.values()


RESTS = ("reboot", "reimage", "deallocate", "start")


def rest(ctx: Context, pool: Pool, node: Node, what: str, option: str) -> None:
    """Reboot, reimage, deallocate or start a node."""
    match what:
        case "reboot":
            node_verbs.restart(ctx, pool, node, NodeState.REBOOTING, option)
        case "reimage":
            node_verbs.restart(ctx, pool, node, NodeState.REIMAGING, option)
        case "deallocate":
            node_verbs.deallocate(ctx, node, option)
        case _:
            node_verbs.start(ctx, pool, node)
