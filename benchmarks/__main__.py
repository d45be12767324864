"""`make bench`: a run as its user sees it, on a local stack; each figure stands beside its goal.

Ratios come from one run of this program, in which what is compared takes turns. `--thorough` takes
as many measurements as the goals speak of, and most of an hour.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.table import Table

from benchmarks.figures import Report, console, least, most, percentile, spread
from benchmarks.machine import machine_line
from benchmarks.operations import operations_per_item
from benchmarks.stack import arrivals, commands, drained, processors, quickstart, submission
from benchmarks.stack.arrivals import ALONE, TEN
from pipeline.cli.stack.signals import end_in_order
from tests.e2e.local import EXTRA, Stack

ITEMS = 100


def main() -> None:
    """Measure everything, and print the figures."""
    end_in_order()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--thorough", action="store_true", help="200 latencies, 1,000 runs, 100,000 tasks")
    add("--rounds", type=int, default=5, help="measurements of each median")
    given = parser.parse_args()
    latencies, crowd, tasks = (200, 1_000, 100_000) if given.thorough else (20, 100, 20_000)
    console.print(machine_line())
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), profile="benign", hurries=False)
        arrivals.define(stack)
        try:
            with console.status("starting a stack"):
                began = time.monotonic()
                stack.start()  # it ends with this process
            console.print(f"stack ready after {time.monotonic() - began:.1f} s")
            arrivals.once(stack, ALONE, arrivals.lines(16))  # the pool is up, its nodes are warm
            _latency(stack, report, latencies)
            _hundred(stack, report, given.rounds)
            _against_quickstart(stack, report, given.rounds)
            _crowd(stack, report, crowd)
            _memory(stack)
        finally:
            stack.stop()
    with console.status("commands"):
        commands.measure(report, given.rounds)
    _in_bulk(report, tasks)
    _operations()
    console.print(report.table())


def _latency(stack: Stack, report: Report, runs: int) -> None:
    first, last = [], []
    for number in range(runs):
        with console.status(f"latency, run {number + 1} of {runs}"):
            seen = arrivals.once(stack, ALONE, b"ok a\nok b\n")
        began, ended = arrivals.working(stack, seen)
        first.append(began - seen.uploaded)
        last.append(seen.received - ended)
    for what, values in (
        ("upload → first task running", first),
        ("last exit → event received", last),
    ):
        report.medians(f"{what}, median", values, "s", most(0.4))
        of = f"the slowest of {runs}" if runs < ITEMS else f"n={runs}"
        report.add(f"{what}, p99", percentile(values, 0.99), "s", most(1.0), of)


def _hundred(stack: Stack, report: Report, rounds: int) -> None:
    """Measure a hundred items in ten tasks, and in a hundred against xargs."""
    pool = stack.engine.catalogue.pools["cpu"]
    parallel = pool.slots * pool.nodes.maximum
    tens, alone, xargs = [], [], []
    ours: Counter[str] = Counter()
    theirs = 0.0
    for number in range(rounds):
        with console.status(f"{ITEMS} items, round {number + 1} of {rounds}"):
            tens.append(arrivals.once(stack, TEN, arrivals.lines(ITEMS)).seconds)
            before = processors.used(stack)
            alone.append(arrivals.once(stack, ALONE, arrivals.lines(ITEMS)).seconds)
            ours += processors.used(stack) - before
            theirs += processors.of_children(lambda: xargs.append(_seconds(_xargs, parallel)))
    report.medians(f"{ITEMS} no-op items, 10 a task, upload → event", tens, "s", most(4.0))
    console.print(f"{ITEMS} no-op items, one a task: {statistics.median(alone):.2f} s")
    console.print(f"the same commands, xargs -P {parallel}: {statistics.median(xargs):.2f} s")
    ratios = [theirs / ours for ours, theirs in zip(alone, xargs, strict=True)]
    report.medians(f"{ITEMS} no-op items, one a task: xargs over ours", ratios, "", least(0.4))
    console.print(f"the same in processor time, all services included: {theirs / ours.total():.3f}")
    console.print(processors.table(ours, rounds * ITEMS))


def _xargs(parallel: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = EXTRA / "task_scripts/act.py"
        command = ["xargs", "-P", str(parallel), "-I{}", sys.executable, script, "ok {}", folder]
        numbers = "\n".join(map(str, range(ITEMS)))
        subprocess.run(command, input=numbers, text=True, check=True)


def _seconds(act: Callable[[int], None], parallel: int) -> float:
    began = time.monotonic()
    act(parallel)
    return time.monotonic() - began


def _against_quickstart(stack: Stack, report: Report, rounds: int) -> None:
    times, theirs = [], 0
    for number in range(rounds):
        with console.status(f"quickstart, round {number + 1} of {rounds}"):
            ours = arrivals.once(stack, ALONE, arrivals.lines(ITEMS)).seconds
            seconds, theirs = quickstart.measure(stack, ITEMS)
        times.append(ours / seconds)
        console.print(f"quickstart: {seconds:.2f} s, {theirs} calls of Batch; ours {ours:.2f} s")
    report.medians(
        f"the same {ITEMS} tasks, ours over the quickstart's poll loop", times, "", most(0.5)
    )
    calls = operations_per_item(ITEMS, 1)["batch"] * ITEMS
    report.add("calls of Batch, ours over the quickstart's", calls / theirs, "", most(0.1))


def _crowd(stack: Stack, report: Report, runs: int) -> None:
    with console.status(f"{runs} runs of 10 items at once"):
        waits = [seen.seconds for seen in arrivals.at_once(stack, TEN, [arrivals.lines(10)] * runs)]
    console.print(f"{runs} runs of 10 items at once: all ended; {spread(waits)} s")
    share = percentile(waits, 0.99) / statistics.median(waits)
    report.add(f"{runs} runs of 10 items at once, p99 over the median", share, "", most(3.0))


def _in_bulk(report: Report, tasks: int) -> None:
    with console.status("receipts"):
        times = drained.measure(300)
    report.add("receipts, one message and one write each, as a multiple", times, "", least(30))
    with console.status(f"submitting {tasks:,} tasks"):
        shares = submission.measure(tasks)
    report.medians(f"create_tasks of {tasks:,} tasks, over our time", shares, "", least(1.0))


def _memory(stack: Stack) -> None:
    table = Table(title="resident memory", title_justify="left", box=None)
    table.add_column("process")
    table.add_column("MiB", justify="right")
    for name, process, is_child in processors.processes(stack):
        shown = f"  {name}: {process.name()}" if is_child else name
        table.add_row(shown, f"{process.memory_info().rss / 2**20:.0f}")
    console.print(table)


def _operations() -> None:
    table = Table(title="calls of the services per item", title_justify="left", box=None)
    for column in ("items", "bundle", "blob", "table", "queue", "batch"):
        table.add_column(column, justify="right")
    for items, bundle in ((100, 1), (1000, 1), (1000, 10)):
        counts = operations_per_item(items, bundle)
        cells = [f"{counts[kind]:.2f}" for kind in ("blob", "table", "queue", "batch")]
        table.add_row(str(items), str(bundle), *cells)
    console.print(table)


if __name__ == "__main__":
    main()
