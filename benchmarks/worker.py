"""`python -m benchmarks.worker`: memory and processor time of the function app's worker, by load.

The worker is Microsoft's own Python runtime with the function app, alone in its process. No node
runs: the benchmark writes what nodes would write. Peaks are VmHWM, reset before each load.
"""

import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil
from rich.console import Console

from benchmarks.machine import machine_line
from pipeline.cli.stack.signals import end_in_order
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.handlers import published
from pipeline.handlers.running import executions
from pipeline.ledger import runs
from tests.e2e.local import Stack
from tests.fakes.node import FakeNode, Item, Outputs
from tests.patience import until

PIPELINE = """
trigger: {{blob: {{container: input, prefix: {name}/}}}}
split: {{lines: {{}}}}
task: {{program: act.py, arguments: ["{{line}}"]}}
bundle: {{items: {bundle}}}
pool: cpu
assemble: {assemble}
"""
PIPELINES = {
    "alone": (1, "{concatenate: {format: plain, name: all.bin}}"),
    "bundled": (100, "{concatenate: {format: plain, name: all.bin}}"),
    "zipped": (1, "{zip: {name: all.zip}}"),
    "archived": (1_000, "{zip: {name: all.zip}}"),
    "apart": (1_000, "{none: {}}"),
}
# Makes the worker load the exporter that it has in Azure; the address does not answer.
INSIGHTS = (
    "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:9/"
)
MIB = 1 << 20
console = Console(highlight=False)


class _Storage:
    """The account's blobs, as the node in memory needs them."""

    def __init__(self, stack: Stack) -> None:
        self._ports = stack.engine.ports
        self.read, self.write = self._ports.blobs.read, self._ports.writer.write

    def at(self, url: str) -> BlobRef:
        """Return the blob of a URL in the account; snapshots do not matter here."""
        _, _account, container, name = unquote(urlsplit(url).path).split("/", 3)
        return BlobRef(container, name)


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def token(self) -> str:
        return secrets.token_hex(8)


@dataclass
class Bench:
    """A stack without nodes, and its worker."""

    stack: Stack

    @property
    def worker(self) -> psutil.Process:
        """The process that runs the functions: the only child of the emulated host."""
        (child,) = psutil.Process(self.stack.pid("functions")).children()
        return child

    @contextmanager
    def measured(self, what: str) -> Iterator[None]:
        """Print the worker's peak memory and processor time during a with block.

        The host may start it anew, as after it was stopped for long: then that one is measured.
        """
        worker = self.worker
        (Path("/proc") / str(worker.pid) / "clear_refs").write_text("5")
        before, began = sum(worker.cpu_times()[:2]), time.monotonic()
        yield
        same = self.worker.pid == worker.pid
        busy = sum(self.worker.cpu_times()[:2]) - (before if same else 0)
        took = time.monotonic() - began
        peak, now = self._kib("VmHWM") / 1024, self._kib("VmRSS") / 1024
        text = (
            f"{what:<58} peak {peak:5.0f} MiB  then {now:5.0f}  {busy:6.1f} s CPU in {took:5.0f} s"
        )
        console.print(text, soft_wrap=True)

    def _kib(self, name: str) -> int:
        text = (Path("/proc") / str(self.worker.pid) / "status").read_text("utf-8")
        return int(text.split(f"{name}:")[1].split()[0])

    def planned(self, pipeline: str, lines: int, runs_at_once: int = 1) -> list[Run]:
        """Plan and submit runs; return them when all their tasks are in Batch."""
        text = b"ok line\n" * lines
        names = [f"{pipeline}/{secrets.token_hex(4)}.txt" for _ in range(runs_at_once)]
        with self.stack.frozen("functions"):
            ids = [self.stack.upload(name, text, pipeline) for name in names]
            time.sleep(2)  # until the events are in the queue
        return [until(lambda i=i: self._at(i, State.RUNNING), 580, "plan") for i in ids]

    def _at(self, run_id: str, *states: State) -> Run | None:
        held = runs.load(self.stack.engine.ports.tables, run_id)
        return held.run if held and held.run.state in states else None

    def work(self, run: Run, output: bytes) -> None:
        """Write what nodes would write, with the worker stopped: the events wait in the queue."""
        with self.stack.frozen("functions"):
            self.write(run, output)

    def write(self, run: Run, output: bytes) -> None:
        """Write what nodes would write: an output and a receipt for each task."""

        def program(_: Item) -> Outputs:
            return [("part.bin", output)]

        node = FakeNode(_Storage(self.stack), _Clock(), program)  # type: ignore[arg-type] # shaped alike
        engine = self.stack.engine
        with ThreadPoolExecutor(8) as pool:
            for number in range(run.plan.pages if run.plan else 0):
                read = published.read_page(engine, run.plan, number)
                list(pool.map(node, executions.task_specs(engine, run, read, read.page.tasks)))

    def ended(self, run: Run) -> Run:
        """Wait for the verdict, and return the run."""
        return self.stack.ended(run.id, 2_400)


def main(scale: float = 1.0) -> None:
    """Measure every load; a `scale` below 1 makes the loads smaller."""
    end_in_order()
    console.print(machine_line())
    with tempfile.TemporaryDirectory() as name:
        settings = {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": INSIGHTS,
            "FANFARE_TICK": "0 * * * * *",
        }
        stack = Stack(Path(name), "benign", 0, settings, ("--node-quota", "0"))
        for pipeline, (bundle, assemble) in PIPELINES.items():
            text = PIPELINE.format(name=pipeline, bundle=bundle, assemble=assemble)
            (stack.definitions / f"pipelines/{pipeline}.yaml").write_text(text)
        try:
            stack.start()
            _loads(Bench(stack), scale)
        finally:
            stack.stop()


def _loads(bench: Bench, scale: float) -> None:
    def of(count: int) -> int:
        return max(2, int(count * scale))

    with bench.measured("idle: functions indexed, timers fired"):
        time.sleep(70 * scale)
    with bench.measured(f"plan and submit {of(100_000):,} items, 100 per task"):
        bench.planned("bundled", of(100_000))
    with bench.measured(f"plan and submit {of(1_000_000):,} items, 100 per task"):
        (run,) = bench.planned("bundled", of(1_000_000))
    bench.work(run, b"an output\n")
    with bench.measured(f"count and assemble {of(1_000_000):,} items, 100 per task"):
        bench.ended(run)
    (run,) = bench.planned("archived", of(1_000_000))
    bench.work(run, b"an output\n")
    with bench.measured(f"zip {of(1_000_000):,} outputs, 1,000 per task"):
        bench.ended(run)
    (run,) = bench.planned("apart", of(110_000))
    bench.work(run, b"an output\n")
    with bench.measured(f"copy {of(110_000):,} outputs as files, with a manifest in pages"):
        bench.ended(run)
    with bench.measured(f"16 plans of {of(10_000):,} items, 100 per task, at once"):
        bench.planned("bundled", of(10_000), 16)
    (run,) = bench.planned("alone", of(2_000))
    bench.work(run, b"x" * (16 << 10))
    with bench.measured(f"drain {of(2_000):,} receipts, compose as many parts"):
        bench.ended(run)
    (run,) = bench.planned("zipped", of(16))
    bench.work(run, secrets.token_bytes(16 * MIB))
    with bench.measured(f"zip {of(16)} parts of 16 MiB"):
        bench.ended(run)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
