"""`python -m benchmarks.idling`: node time that nobody uses, against Microsoft's formula.

The Batch emulator simulates both on a virtual clock, for five ways in which runs arrive. The
formula is the one for tasks in Microsoft's page on autoscale, at its default interval of 15
minutes. Ours is pushed by the engine's own handler: with each run, and each minute while there is
demand.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine_line
from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.errors import BatchError
from emulators.batch.model.pool import Pool as Simulated
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.machines.simulated import simulated_task
from emulators.batch.simulation.world import Simulation
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.machine.batch import MemoryBatch
from pipeline.adapters.machine.world import Machine, Places
from pipeline.domain.catalogue.catalogue import Catalogue
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.pools.formula import Demand, render_formula
from pipeline.domain.waiting.reports import PoolReport
from pipeline.errors import Transient
from pipeline.handlers.engine import Engine
from pipeline.handlers.running.demand import grow, look_after, push
from pipeline.ledger import pools
from pipeline.settings import Patience

GOAL = 1 / 3
_MINUTE, _HOUR = 60.0, 3600.0
_SOON_S = 30.0  # within which a pool without nodes must have been asked for some
_EVALUATED, _THEIR_INTERVAL = "PT5M", "PT15M"
_THEIRS = """
share = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 15);
tasks = share < 70 ? max(0, $PendingTasks.GetSample(1))
  : max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample(TimeInterval_Minute * 15)));
wanted = tasks > 0 ? tasks : max(0, $TargetDedicatedNodes / 2);
$TargetDedicatedNodes = max(0, min(wanted, {cap}));
$NodeDeallocationOption = taskcompletion;
"""
_COLUMNS = (
    "arrivals",
    "used",
    "idle: theirs",
    "ours",
    "ratio",
    "wait: theirs",
    "ours",
    "met",
)
console = Console(highlight=False, width=100)


@dataclass(frozen=True)
class Arrival:
    """A run: when it comes, and how many tasks it has of how many seconds."""

    at: float
    tasks: int
    seconds: float


@dataclass(frozen=True)
class Trace:
    """Runs as they arrive at a pool of at most so many nodes."""

    name: str
    nodes: int
    arrivals: Sequence[Arrival]


@dataclass(frozen=True)
class Figures:
    """Node-hours that were paid, the part that was idle, and waits of tasks in seconds."""

    node_hours: float
    idle_hours: float
    median: float
    slowest: float


def traces() -> list[Trace]:
    """Return five traces; they are the same each time."""
    draw = Random(13)
    small = _poisson(draw, 20 * _MINUTE, 8 * _HOUR, lambda: draw.randint(1, 10))
    busy = _poisson(draw, _MINUTE, 2 * _HOUR, lambda: 10)
    day = [Arrival(hour * _HOUR + draw.random() * _HOUR, 20, 120.0) for hour in range(8, 18)]
    return [
        Trace("100 tasks once", 20, [Arrival(60.0, 100, 60.0)]),
        Trace("few, every 20 min", 20, small),
        Trace("hourly, by day", 20, day),
        Trace("each minute, 2 h", 20, busy),
        Trace("20,000 tasks once", 2_000, [Arrival(60.0, 20_000, 60.0)]),
    ]


def _poisson(draw: Random, apart: float, until: float, tasks: Callable[[], int]) -> list[Arrival]:
    """Return runs of one-minute tasks that arrive by chance, so many seconds apart on average."""
    arrivals, now = list[Arrival](), 0.0
    while now < until:
        now += draw.expovariate(1 / apart)
        arrivals.append(Arrival(now, tasks(), 60.0))
    return arrivals


class _Run:
    """Carries out one trace on one simulated pool."""

    def __init__(self, simulation: Simulation, trace: Trace) -> None:
        self.simulation, self.trace = simulation, trace
        self.pool = simulation.create_pool(self._body())
        simulation.create_job({"id": "j", "poolInfo": {"poolId": "p"}})
        for number, arrival in enumerate(trace.arrivals):
            simulation.after(arrival.at, lambda n=number, a=arrival: self.arrive(n, a))

    def _body(self) -> dict[str, object]:
        formula = _THEIRS.format(cap=self.trace.nodes)
        return {
            "id": "p",
            "vmSize": "standard_d2s_v5",
            "enableAutoScale": True,
            "autoScaleFormula": formula,
            "autoScaleEvaluationInterval": _THEIR_INTERVAL,
        }

    def arrive(self, number: int, arrival: Arrival) -> None:
        """Submit a run's tasks."""
        tasks = (f"r{number:04}-t{task:05}" for task in range(arrival.tasks))
        self.simulation.add_tasks("j", (simulated_task(t, seconds=arrival.seconds) for t in tasks))

    def figures(self) -> Figures:
        """Let time pass until all tasks are done and no node is left."""
        self.simulation.run_for(timedelta(seconds=self.trace.arrivals[-1].at + 1))
        self.simulation.run(self._is_over)
        report = self.simulation.report("j")
        idle = report.node_hours * (1 - report.utilisation)
        return Figures(report.node_hours, idle, report.waits_s[0], report.waits_s[2])

    def _is_over(self) -> bool:
        return self.simulation.job("j").is_done() and not self.pool.nodes


class _Clock(SystemClock):
    """The simulation's time."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def now(self) -> datetime:
        """Return the emulated time."""
        return datetime.fromtimestamp(self._simulation.seconds, UTC)


class Cluster(MemoryBatch):
    """What the engine sees of the simulated pool and does to it, as its adapter does."""

    def __init__(self, simulation: Simulation, pool: Simulated) -> None:
        super().__init__(_Clock(simulation))
        self._simulation, self._pool = simulation, pool

    def pool(self, pool: str) -> PoolReport:
        """Report the simulated pool."""
        found = self._pool
        nodes, target = found.current(dedicated=True), sum(found.targets)
        allocation = str(found.allocation)
        return PoolReport("active", allocation, nodes, target, autoscales=found.autoscale)

    def push_formula(self, pool: str, formula: str) -> None:
        """Enable autoscale; the interval is named only where it is not the pool's yet."""
        kept = self._pool.spec.get("autoScaleEvaluationInterval") == _EVALUATED
        named = {} if self._pool.autoscale and kept else {"autoScaleEvaluationInterval": _EVALUATED}
        body = {"autoScaleFormula": formula, **named}
        self._ask(lambda batch: batch.pools.enable_autoscale(self._pool, body))

    def resize_by_hand(self, pool: str, dedicated: int, spot: int) -> None:
        """Disable autoscale, and resize."""
        self.disable()
        body = {"targetDedicatedNodes": dedicated, "targetLowPriorityNodes": spot}
        self._ask(lambda batch: batch.pools.resize(self._pool, body))

    def disable(self) -> None:
        """Disable autoscale."""
        self._ask(lambda batch: batch.pools.disable_autoscale(self._pool))

    def _ask(self, verb: Callable[[Emulator], None]) -> None:
        try:
            self._simulation.do(verb)
        except BatchError as error:  # it resizes, or got a formula just now
            raise Transient(str(error)) from error


class Ours(_Run):
    """The same with the engine's formula, pushed by the engine's own handler.

    `late` are the arrivals that found the pool steady and without nodes, and half a minute later
    had none asked for either.
    """

    def __init__(self, simulation: Simulation, trace: Trace) -> None:
        self._limits = Pool.model_validate(
            {
                "name": "p",
                "size": "standard_d2s_v5",
                "image": {"publisher": "p", "offer": "o", "sku": "s", "agent": "a"},
                "slots": 1,
                "nodes": {"maximum": trace.nodes},
            }
        )
        self._clock = _Clock(simulation)
        self._open: dict[int, Arrival] = {}
        self.empty = 0
        self.late: list[float] = []
        super().__init__(simulation, trace)
        self._engine = _engine(self._limits, self.cluster(), self._clock)
        simulation.after(_MINUTE, self._sweep)

    def cluster(self) -> Cluster:
        """Return what the engine sees of the pool."""
        return Cluster(self.simulation, self.pool)

    def _body(self) -> dict[str, object]:
        formula = render_formula(self._limits, [], self._clock.now())
        ours = {"autoScaleFormula": formula, "autoScaleEvaluationInterval": _EVALUATED}
        return super()._body() | ours

    def arrive(self, number: int, arrival: Arrival) -> None:
        """Submit a run's tasks, and tell the pool."""
        super().arrive(number, arrival)
        if not self.pool.nodes and self.pool.allocation == "steady":
            self.empty += 1
            self.simulation.after(_SOON_S, self._look)
        self._open[number] = arrival
        until = self._engine.now + self._engine.patience.demand
        demand = Demand(f"r{number:04}", arrival.tasks, until)
        pools.want(self._engine.ports.tables, "p", demand)
        grow(self._engine, "p")

    def _look(self) -> None:
        if not self.pool.nodes and not sum(self.pool.targets):
            self.late.append(self.simulation.elapsed_s)

    def _sweep(self) -> None:
        """Withdraw the demands of runs that are over, as their verdicts do, and push."""
        tasks = self.simulation.job("j").tasks
        for number, arrival in list(self._open.items()):
            mine = (f"r{number:04}-t{n:05}" for n in range(arrival.tasks))
            if all(tasks[task].state == "completed" for task in mine):
                del self._open[number]
                pools.withdraw(self._engine.ports.tables, "p", f"r{number:04}")
        push(self._engine, "p")
        for watch in pools.watches(self._engine.ports.tables):
            look_after(self._engine, watch)
        self.simulation.after(_MINUTE, self._sweep)


def _engine(pool: Pool, cluster: Cluster, clock: _Clock) -> Engine:
    """Return an engine that knows one pool; what it needs besides is in memory."""
    with TemporaryDirectory() as folder:
        places = Places(Path(folder), Path(folder), Path(folder) / "none", {})
        with Machine.at(places, lambda *_: "") as machine:
            ports = replace(machine.ports, cluster=cluster, clock=clock)
    return Engine(ports, Catalogue({}, {"p": pool}), Patience(), {})


def measure(trace: Trace, dialect: Dialect) -> tuple[Figures, Figures]:
    """Return the figures of Microsoft's formula, and ours."""
    found = []
    for kind in (_Run, Ours):
        with Simulation(node_quota=5_000, autoscale_dialect=dialect) as simulation:
            found.append(kind(simulation, trace).figures())
    return found[0], found[1]


def main() -> None:
    """Print a table of all traces for each reading of what enabling a formula does."""
    logging.getLogger("fanfare").setLevel(logging.ERROR)  # a formula that comes too soon is usual
    console.print(machine_line())
    for evaluated, at_once in (("at once", True), ("at its interval", False)):
        dialect = Dialect(evaluates_at_enable=at_once)
        title = f"node-hours idle, and waits of tasks; Batch evaluates a formula {evaluated}"
        table = Table(title=title, title_justify="left", box=None)
        for name in _COLUMNS:
            table.add_column(name, justify="left" if name == "arrivals" else "right")
        for trace in traces():
            with console.status(trace.name):
                theirs, ours = measure(trace, dialect)
            table.add_row(trace.name, *_cells(theirs, ours))
        console.print(table)
    console.print(f"goal: ours at most {GOAL:.2f} of theirs, and waits no longer (median, slowest)")


def _cells(theirs: Figures, ours: Figures) -> Iterator[str]:
    ratio = ours.idle_hours / theirs.idle_hours
    good = ratio <= GOAL and ours.median <= theirs.median and ours.slowest <= theirs.slowest
    yield f"{ours.node_hours - ours.idle_hours:,.1f}"
    yield f"{theirs.idle_hours:,.1f}"
    yield f"{ours.idle_hours:,.1f}"
    yield f"{ratio:.2f}"
    yield f"{theirs.median:,.0f}, {theirs.slowest:,.0f} s"
    yield f"{ours.median:,.0f}, {ours.slowest:,.0f} s"
    yield "yes" if good else "no"


if __name__ == "__main__":
    main()
