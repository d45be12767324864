"""`make bench-scale`: what an item costs the engine and the account, by the size of the run.

Everything runs in one process over the fakes. The time of the services and of the nodes is measured
apart and left out, so the figure is the engine's own processor time.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.following import requests_in_an_hour
from benchmarks.machine import machine_line
from benchmarks.operations import PIPELINE
from pipeline.bootstrap import collect_seldom
from pipeline.cli.commands.cost import metered, prices
from pipeline.domain.money.cost import MILLION, run_bill, total
from pipeline.ports.batch import TaskSpec
from pipeline.ports.world import Ports
from tests.fakes.app import FakeApp, echo
from tests.fakes.batch import Outcome
from tests.fakes.definitions import written

SIZES = (1_000, 100_000, 1_000_000)
BUNDLES = (100, 1_000)
GROWTH, WRITES, DEAREST, REQUESTS = 1.2, 0.03, 1.0, 100
_WRITING = {"write", "upload", "copy", "stage", "commit", "snapshot"}
_READING = {"read", "stream", "head"}
console = Console(highlight=False)


@dataclass
class Meter:
    """Counts the calls of the ports, and adds up the processor seconds that pass inside them."""

    seconds: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)

    def ports(self, ports: Ports) -> Ports:
        """Wrap every port except the clock."""
        names = [each.name for each in fields(Ports) if each.name != "clock"]
        wrapped: dict[str, Any] = {name: _Metered(self, getattr(ports, name)) for name in names}
        return replace(ports, **wrapped)

    def timed[T](self, act: Callable[[], T]) -> T:
        """Call, and add its processor time."""
        began = time.thread_time()
        try:
            return act()
        finally:
            self.seconds += time.thread_time() - began


class _Metered:
    """A port whose calls a meter times; what it yields is timed item by item."""

    def __init__(self, meter: Meter, port: object) -> None:
        self._meter, self._port = meter, port

    def __getattr__(self, verb: str) -> Callable[..., object]:
        real, meter = getattr(self._port, verb), self._meter

        def call(*args: object, **kwargs: object) -> object:
            meter.calls[verb] += 1
            # What the engine yields is the engine's time.
            given = [list(arg) if isinstance(arg, Iterator) else arg for arg in args]
            result = meter.timed(lambda: real(*given, **kwargs))
            return self._each(result) if isinstance(result, Iterator) else result

        setattr(self, verb, call)
        return call

    def _each(self, yielded: Iterator[object]) -> Iterator[object]:
        end = object()
        while (one := self._meter.timed(lambda: next(yielded, end))) is not end:
            yield one


@dataclass(frozen=True)
class Cost:
    """What one item of a run cost: engine seconds, blob writes and reads, receipts' bytes."""

    items: int
    bundle: int
    seconds: float
    writes: float
    reads: float


def measure(items: int, bundle: int) -> Cost:
    """Run so many items in memory. Raises AssertionError if the run does not succeed."""
    app = FakeApp.of(written((("job", PIPELINE.format(bundle=bundle)),)))
    meter, nodes = Meter(), Meter()
    app.through(meter.ports(app.world.ports))
    node = replace(app.world.node(echo), blobs=_Metered(nodes, app.world.blobs))

    def execute(spec: TaskSpec) -> Outcome:
        return meter.timed(lambda: node(spec))

    app.execute = execute
    app.upload("a.txt", b"line\n" * items)
    began = time.process_time()
    app.settle()
    seconds = time.process_time() - began - meter.seconds
    assert app.only_run().state == "succeeded", app.only_run()
    calls = meter.calls + nodes.calls
    return Cost(
        items,
        bundle,
        seconds / items,
        sum(calls[verb] for verb in _WRITING) / items,
        sum(calls[verb] for verb in _READING) / items,
    )


def growth(costs: Iterable[Cost]) -> float:
    """Return how much more an item of the largest run costs than one of the smallest."""
    ordered = sorted(costs, key=lambda cost: cost.items)
    return ordered[-1].seconds / ordered[0].seconds


def main() -> None:
    """Measure each size and bundle, and print the figures beside their goals."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=SIZES, help="sizes of the runs")
    parser.add_argument("--bundles", type=int, nargs="+", default=BUNDLES, help="items a task")
    given = parser.parse_args()
    console.print(machine_line())
    measure(100, 10)  # imports and caches
    collect_seldom()
    for bundle in given.bundles:
        table = Table(title=f"{bundle:,} items a task", title_justify="left", box=None)
        for name in ("items", "engine, µs an item", "blob writes an item", "blob reads an item"):
            table.add_column(name, justify="right")
        costs = []
        for items in given.items:
            with console.status(f"{items:,} items, {bundle:,} a task"):
                cost = measure(items, bundle)
            costs.append(cost)
            figures = (f"{cost.seconds * 1e6:.1f}", f"{cost.writes:.4f}", f"{cost.reads:.4f}")
            table.add_row(f"{items:,}", *figures)
        console.print(table)
        grown, most = growth(costs), costs[-1].writes
        console.print(f"growth {grown:.2f}× (goal ≤ {GROWTH}×): {_judged(grown <= GROWTH)}")
        console.print(
            f"blob writes an item {most:.4f} (goal ≤ {WRITES}): {_judged(most <= WRITES)}"
        )
        _control_plane(bundle)
    with console.status("a million items in an hour"):
        asked = requests_in_an_hour(MILLION, BUNDLES[-1]).total()
    console.print(
        f"requests of Batch to follow {MILLION:,} items for an hour, {BUNDLES[-1]:,} a task: "
        f"{asked} (goal ≤ {REQUESTS}): {_judged(asked <= REQUESTS)}"
    )


def _control_plane(bundle: int) -> None:
    tasks = -(-MILLION // bundle)
    price = total(run_bill(metered().of(MILLION, tasks), tasks, prices())).low
    console.print(
        f"control plane of {MILLION:,} items {price:.2f} USD (goal ≤ {DEAREST:.2f}): "
        f"{_judged(price <= DEAREST)}\n"
    )


def _judged(good: bool) -> str:
    return "met" if good else "not met"


if __name__ == "__main__":
    main()
