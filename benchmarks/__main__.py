"""`make bench`: latency, speed against xargs, calls per item, memory; medians of five runs."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine_line
from benchmarks.operations import operations_per_item
from pipeline.cli.stack.signals import end_in_order
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.ledger import tasks
from tests.e2e.local import EXTRA, Stack

RUNS = 5
ITEMS = 100
console = Console(highlight=False)


def main() -> None:
    """Measure everything on a benign stack of its own, and print the figures."""
    end_in_order()
    console.print(machine_line())
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), profile="benign")
        try:
            with console.status("starting a stack"):
                began = time.monotonic()
                stack.start()  # it ends with this process
            console.print(f"stack ready after {time.monotonic() - began:.1f} s")
            _latency(stack)
            _against_xargs(stack)
            _memory(stack)
        finally:
            stack.stop()
    _operations()


def _latency(stack: Stack) -> None:
    _once(stack, "warm-up", b"ok\n")
    first, last = [], []
    for number in range(RUNS):
        with console.status(f"latency, run {number + 1} of {RUNS}"):
            uploaded, received, run = _once(stack, f"latency-{number}", b"ok a\nok b\n")
        began, ended = _span(stack, run)
        first.append(began - uploaded)
        last.append(received - ended)
    _print("upload → first task running", first, "s", "goal ≤ 2 s")
    _print("last task exit → completion event received", last, "s", "goal ≤ 2 s")


def _once(stack: Stack, name: str, lines: bytes) -> tuple[float, float, Run]:
    uploaded = time.time()
    run_id = stack.upload(f"strict/{name}.txt", lines, "strict-acts")
    stack.announced(naming.Generation(run_id, 1).event("succeeded"), 120)
    return uploaded, time.time(), stack.ended(run_id)


def _span(stack: Stack, run: Run) -> tuple[float, float]:
    """Return when the first attempt began and the last one ended, according to their receipts."""
    began, ended = [], []
    for result in tasks.results(stack.engine.ports.tables, run.id, run.generation):
        content = stack.engine.ports.blobs.read(BlobRef("receipts", result.receipt))
        receipt = stack_receipt(content)
        began.append(receipt[0])
        ended.append(receipt[1])
    return min(began), max(ended)


def stack_receipt(content: bytes) -> tuple[float, float]:
    """Return the start and end times in a receipt."""
    receipt = json.loads(content)
    times = [datetime.fromisoformat(receipt[key]).timestamp() for key in ("started_at", "ended_at")]
    return times[0], times[1]


def _against_xargs(stack: Stack) -> None:
    pool = stack.engine.catalogue.pools["cpu"]
    parallel = pool.slots * pool.nodes.maximum
    lines = b"".join(b"ok %d\n" % number for number in range(ITEMS))
    fanfare, xargs = [], []
    for number in range(RUNS):
        with console.status(f"{ITEMS} items, run {number + 1} of {RUNS}"):
            uploaded, received, _ = _once(stack, f"hundred-{number}", lines)
            fanfare.append(received - uploaded)
            xargs.append(_seconds(lambda: _xargs(parallel)))
    _print(f"{ITEMS} no-op items, one per task, upload → event", fanfare, "s")
    _print(f"the same {ITEMS} commands with xargs -P {parallel}", xargs, "s")
    ratios = [b / a for a, b in zip(fanfare, xargs, strict=True)]
    _print("time of xargs as a share of Fanfare's", ratios, "")


def _xargs(parallel: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = EXTRA / "task_scripts/act.py"
        command = ["xargs", "-P", str(parallel), "-I{}", sys.executable, script, "ok {}", folder]
        numbers = "\n".join(map(str, range(ITEMS)))
        subprocess.run(command, input=numbers, text=True, check=True)


def _seconds(action: Callable[[], None]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def _memory(stack: Stack) -> None:
    table = Table(title="resident memory", title_justify="left", box=None)
    table.add_column("process")
    table.add_column("MiB", justify="right")
    for name, process in _processes(stack):
        table.add_row(name, f"{process.memory_info().rss / 2**20:.0f}")
    console.print(table)


def _processes(stack: Stack) -> Iterator[tuple[str, psutil.Process]]:
    description = stack.local.description()
    pids = description["pids"]
    assert isinstance(pids, dict)
    yield "stack", psutil.Process(int(str(description["pid"])))
    for name, pid in pids.items():
        process = psutil.Process(int(str(pid)))
        yield str(name), process
        for child in process.children(recursive=True):
            yield f"  {name}: {child.name()}", child


def _operations() -> None:
    table = Table(title="calls of the services per item", title_justify="left", box=None)
    for column in ("items", "bundle", "blob", "table", "queue", "batch"):
        table.add_column(column, justify="right")
    for items, bundle in ((100, 1), (1000, 1), (1000, 10)):
        counts = operations_per_item(items, bundle)
        cells = [f"{counts[kind]:.2f}" for kind in ("blob", "table", "queue", "batch")]
        table.add_row(str(items), str(bundle), *cells)
    console.print(table)


def _print(what: str, values: list[float], unit: str, goal: str = "") -> None:
    middle = statistics.median(values)
    spread = f"{min(values):.2f}–{max(values):.2f}"
    console.print(f"{what}: median {middle:.2f} {unit} ({spread}, n={len(values)}) {goal}".rstrip())


if __name__ == "__main__":
    main()
