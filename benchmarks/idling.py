"""`python -m benchmarks.idling`: node time that nobody uses, against Microsoft's formula.

The Batch emulator simulates both on a virtual clock, for five ways in which runs arrive. The
formula is the one for tasks in Microsoft's page on autoscale, at its default interval of 15
minutes. Ours is pushed as the engine does it: with each run, and each minute while there is demand.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine_line
from emulators.batch.errors import BatchError
from emulators.batch.service.machines.simulated import simulated_task
from emulators.batch.simulation.world import Simulation
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.pools.formula import Demand, render_formula
from pipeline.settings import Patience

GOAL = 1 / 3
_MINUTE, _HOUR = 60.0, 3600.0
_EVALUATED, _THEIR_INTERVAL = "PT5M", "PT15M"
_THEIRS = """
share = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 15);
tasks = share < 70 ? max(0, $PendingTasks.GetSample(1))
  : max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample(TimeInterval_Minute * 15)));
wanted = tasks > 0 ? tasks : max(0, $TargetDedicatedNodes / 2);
$TargetDedicatedNodes = max(0, min(wanted, {cap}));
$NodeDeallocationOption = taskcompletion;
"""
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


class _Ours(_Run):
    """The same with the engine's formula, pushed as the engine pushes it."""

    def __init__(self, simulation: Simulation, trace: Trace) -> None:
        self._patience = Patience()
        self._limits = Pool.model_validate(
            {
                "name": "p",
                "size": "standard_d2s_v5",
                "image": {"publisher": "p", "offer": "o", "sku": "s", "agent": "a"},
                "slots": 1,
                "nodes": {"maximum": trace.nodes},
            }
        )
        self._demands: dict[int, Demand] = {}
        self._pushed, self._last = float("-inf"), 0
        super().__init__(simulation, trace)
        simulation.after(_MINUTE, self._sweep)

    def _body(self) -> dict[str, object]:
        formula = render_formula(self._limits, [], self._now())
        ours = {"autoScaleFormula": formula, "autoScaleEvaluationInterval": _EVALUATED}
        return super()._body() | ours

    def arrive(self, number: int, arrival: Arrival) -> None:
        """Submit a run's tasks, and tell the pool."""
        super().arrive(number, arrival)
        until = self._now() + self._patience.demand
        self._demands[number] = Demand(f"r{number:04}", arrival.tasks, until)
        self._push()

    def _sweep(self) -> None:
        """Withdraw the demands of runs that are over, as their verdicts do, and push."""
        tasks = self.simulation.job("j").tasks
        for number in list(self._demands):
            mine = (f"r{number:04}-t{n:05}" for n in range(self.trace.arrivals[number].tasks))
            if all(tasks[task].state == "completed" for task in mine):
                del self._demands[number]
        self._push()
        self.simulation.after(_MINUTE, self._sweep)

    def _push(self) -> None:
        now = self.simulation.elapsed_s
        live = [demand for demand in self._demands.values() if demand.expires_at > self._now()]
        soon = now - self._pushed < self._patience.push.total_seconds()
        if soon or not (live or self._last):
            return
        formula = render_formula(self._limits, live, self._now(), self._patience.demand)
        body = {"autoScaleFormula": formula, "autoScaleEvaluationInterval": _EVALUATED}
        self._pushed, self._last = now, len(live)
        try:
            self.simulation.do(lambda batch: batch.pools.enable_autoscale(self.pool, body))
        except BatchError:  # it resizes, or got a formula just now
            return

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.simulation.seconds, UTC)


def measure(trace: Trace) -> tuple[Figures, Figures]:
    """Return the figures of Microsoft's formula, and ours."""
    found = []
    for kind in (_Run, _Ours):
        with Simulation(node_quota=5_000) as simulation:
            found.append(kind(simulation, trace).figures())
    return found[0], found[1]


def main() -> None:
    """Print a table of all traces."""
    console.print(machine_line())
    table = Table(title="node-hours idle, and waits of tasks", title_justify="left", box=None)
    for name in (
        "arrivals",
        "used",
        "idle: theirs",
        "ours",
        "ratio",
        "wait: theirs",
        "ours",
        "met",
    ):
        table.add_column(name, justify="left" if name == "arrivals" else "right")
    for trace in traces():
        with console.status(trace.name):
            theirs, ours = measure(trace)
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
