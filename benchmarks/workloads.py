"""`make bench-workloads`: shipped pipelines against the same programs by hand; container starts.

Each pipeline that an upload starts is measured, in turns with a plain pool of as many processes
that runs the same programs on the same items. Nodes are kept warm. Nothing is asserted.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from benchmarks import by_hand, run_times, starts
from benchmarks.by_hand import ByHand
from benchmarks.machine import machine_line
from benchmarks.run_times import Times
from pipeline.cli.samples.samples import SAMPLES, Sample
from pipeline.cli.stack.signals import end_in_order
from pipeline.domain.pools.formula import Demand
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import FanfareError
from pipeline.handlers.running.demand import push
from pipeline.ledger import pools
from tests import images
from tests.e2e.local import Stack

ROUNDS, STARTS = 3, 10
GOAL, LONG_S = 0.85, 5.0
RUN_S, LOOK_S = 600.0, 0.03
PARAMETERS = Path(__file__).with_suffix(".yaml")
SHIPPED = Path(__file__).resolve().parents[1] / "pipelines"
MIB = 1 << 20
console = Console(highlight=False, width=118)


@dataclass(frozen=True)
class Figures:
    """What was measured of a workload, in seconds; one entry a round."""

    name: str
    items: int
    parallel: int
    item_s: float
    first: float
    hand: list[float]
    times: list[Times]

    @property
    def ratio(self) -> float:
        """The time by hand as a share of ours: the median of the rounds."""
        pairs = zip(self.hand, self.times, strict=True)
        return statistics.median(hand / times.whole for hand, times in pairs)

    @property
    def verdict(self) -> str:
        """Good or bad for items that are long enough for the goal."""
        if self.item_s < LONG_S:
            return "short items"
        return "good" if self.ratio >= GOAL else "BAD"


def main() -> None:
    """Measure all workloads that an upload starts, or those that were named; print tables."""
    end_in_order()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workloads", description=__doc__)
    parser.add_argument("names", nargs="*", help="pipelines; default: all that an upload starts")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each, by hand and ours")
    parser.add_argument("--starts", type=int, default=STARTS, help="starts of a task of each kind")
    given = parser.parse_args()
    if unknown := set(given.names) - set(SAMPLES):
        parser.error(f"there is no sample for {', '.join(sorted(unknown))}")
    console.print(machine_line(), soft_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "stack", "benign", hurries=False)
        for path in (stack.definitions / "pipelines").iterdir():
            if not (SHIPPED / path.name).exists():
                path.unlink()  # of tests; one of them may start by the same uploads
        for name, text in starts.definitions().items():
            (stack.definitions / f"pipelines/{name}.yaml").write_text(text, "utf-8")
        try:
            stack.start()
            _keep_warm(stack)
            pipelines = stack.engine.catalogue.pipelines
            started = [name for name in SAMPLES if pipelines[name].trigger.blob]
            _workloads(stack, given.names or started, given.rounds, Path(folder))
            if given.starts:
                _starts(stack, given.starts)
        finally:
            stack.stop()


def _keep_warm(stack: Stack) -> None:
    """Let the pools of the measured pipelines have all their nodes for as long as this takes."""
    for name in ("cpu", "containers"):
        pool = stack.engine.catalogue.pools[name]
        until_ = stack.engine.now + timedelta(hours=12)
        slots = pool.slots * pool.nodes.maximum
        pools.want(stack.engine.ports.tables, name, Demand("benchmark", slots, until_))
        push(stack.engine, name)


def parameters() -> dict[str, dict[str, object]]:
    """Read with which parameters each pipeline is measured."""
    found: dict[str, dict[str, object]] = yaml.safe_load(PARAMETERS.read_text("utf-8"))
    return found


def _workloads(stack: Stack, names: list[str], rounds: int, folder: Path) -> None:
    measured = []
    for name in names:
        with console.status(name):
            try:
                found = measure(stack, SAMPLES[name], rounds, folder / name)
            except (ByHand, FanfareError, AssertionError) as error:
                console.print(f"{name} was not measured: {str(error)[:400]}", markup=False)
                continue
        measured.append(found)
        console.print(f"{name}: {found.ratio:.2f}")
    console.print(_against_hand(measured))
    console.print(_overheads(measured))


def measure(stack: Stack, sample: Sample, rounds: int, folder: Path) -> Figures:
    """Run a sample once to make everything ready, then by hand and by us in turns."""
    given = {key: str(value) for key, value in parameters().get(sample.pipeline, {}).items()}
    content = sample.make()
    manifest = stack.engine.catalogue.pipelines[sample.pipeline].split.manifest
    for name, listed in sample.blobs().items():
        container = manifest.container if manifest else None
        stack.engine.ports.writer.write(BlobRef(container or naming.INPUT, name), listed)
    run, first = _run(stack, sample, content, given)
    pool = stack.engine.catalogue.pools[run.pool]
    nodes = run_times.nodes_of(stack)
    stages = [
        by_hand.works(nodes, run.names.job(0, stage), folder / "parts") for stage in run_times.JOBS
    ]
    tasks = len({work.task for work in stages[1]})  # the items of a task run one after another
    parallel = min(pool.slots * pool.nodes.maximum, tasks)
    hand, times, items = [], [], []
    for _ in range(rounds):
        began = time.monotonic()
        _, seconds, _ = [
            by_hand.carried_out(works, parallel, folder / "by-hand") for works in stages
        ]
        hand.append(time.monotonic() - began)
        items += seconds
        times.append(_run(stack, sample, content, given)[1])
    shutil.rmtree(folder, ignore_errors=True)
    return Figures(
        sample.pipeline,
        len(stages[1]),
        parallel,
        statistics.median(items),
        first.whole,
        hand,
        times,
    )


def _run(stack: Stack, sample: Sample, content: bytes, given: dict[str, str]) -> tuple[Run, Times]:
    trigger = stack.engine.catalogue.pipelines[sample.pipeline].trigger.blob
    if trigger is None:
        raise ByHand("no upload starts it")
    began = time.time()
    name = f"{trigger.prefix}{time.time_ns()}-{sample.file}"
    run_id = stack.upload(name, content, sample.pipeline, **given)
    received = _arrival(stack, run_id)
    run, _ = stack.succeeded(run_id)
    return run, run_times.times_of(stack, run, began, received)


def _arrival(stack: Stack, run_id: str) -> float:
    """Wait for the completion event as a subscriber; return when it came. Raises ByHand."""
    deadline = time.monotonic() + RUN_S
    while time.monotonic() < deadline:
        if any(event.startswith(f"{run_id}-") for event in stack.completions()):
            return time.time()
        time.sleep(LOOK_S)
    raise ByHand(f"run {run_id} did not end within {RUN_S:g} s")


def _against_hand(measured: list[Figures]) -> Table:
    table = Table(title=f"time by hand as a share of Fanfare's; goal ≥ {GOAL} for items over "
                  f"{LONG_S:g} s", title_justify="left", box=None)  # fmt: skip
    for column in (
        "pipeline",
        "items",
        "at once",
        "item",
        "by hand",
        "ours",
        "first",
        "share",
        "goal",
        "",
    ):
        table.add_column(column, justify="left" if column in ("pipeline", "") else "right")
    for one in measured:
        hand = statistics.median(one.hand)
        ours = statistics.median(times.whole for times in one.times)
        goal = f"≥ {GOAL}" if one.item_s >= LONG_S else "–"
        table.add_row(
            one.name, str(one.items), str(one.parallel), f"{one.item_s:.1f} s", f"{hand:.1f} s",
            f"{ours:.1f} s", f"{one.first:.1f} s", f"{one.ratio:.2f}", goal, one.verdict,
        )  # fmt: skip
    return table


def _overheads(measured: list[Figures]) -> Table:
    table = Table(title="where the rest goes: seconds of a run, means of a task, and bytes moved",
                  title_justify="left", box=None)  # fmt: skip
    parts = ("plan", "start", "runner", "upload", "assembly", "announced")
    heads = ("to first task", "task start", "runner", "upload", "assembly", "event")
    for column in ("pipeline", *heads, "down", "up"):
        table.add_column(column, justify="left" if column == "pipeline" else "right")
    for one in measured:
        seconds = [statistics.median(getattr(times, part) for times in one.times) for part in parts]
        moved = [one.times[-1].downloaded, one.times[-1].uploaded]
        cells = [f"{value:.2f} s" for value in seconds]
        table.add_row(one.name, *cells, *(f"{value / MIB:.2f} MiB" for value in moved))
    return table


def _starts(stack: Stack, count: int) -> None:
    kinds = [starts.PROCESS]
    if images.here():
        images.python_image()
        kinds.append(starts.CONTAINER)
    with console.status("starts"):
        for name in kinds:
            starts.seconds(stack, name, -1)
        found = {name: [] for name in kinds}
        for number in range(count):
            for name in kinds:
                found[name].append(starts.seconds(stack, name, number))
    for name, values in found.items():
        spread = f"{min(values):.2f}–{max(values):.2f}, n={count}"
        middle = statistics.median(values)
        console.print(f"{name}, a task that does nothing: {middle:.2f} s ({spread})")
    if len(kinds) == 1:
        console.print("start-container was not measured: there is no Podman and no Docker here")


if __name__ == "__main__":
    main()
