"""`python -m benchmarks.stack.splits`: how long a split over many blobs takes until submission.

A benign local stack of its own, without hurry. The clock runs from the upload of the blob that
starts the run until its last page is submitted; the blobs of the split lie there before. The pool
has one node with one slot, so that tasks do not take the processor from the planner.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from azure.storage.queue import QueueServiceClient
from rich.console import Console

from benchmarks.machine import machine_line
from pipeline.cli.stack.signals import end_in_order
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import BlobRef
from pipeline.ledger import runs
from tests.e2e.local import ROOT, Stack
from tests.patience import until

GOAL_S = 20.0
_PIPELINE = """
trigger: {{blob: {{container: input, prefix: {name}/go/}}}}
split: {{blobs: {{container: input, prefix: blobs/}}}}
task: {{command: ["true"]}}
limits: {{run: 2h}}
bundle: {{items: {bundle}}}
pool: one
assemble: {{none: {{}}}}
"""
_LIMIT_S = 1_800.0
_SERVICES = ("functions", "storage")
console = Console(highlight=False)


def define(stack: Stack, bundles: Iterable[int]) -> None:
    """Write the pipelines, and a pool with one slot."""
    cpu = (ROOT / "pools/cpu.yaml").read_text("utf-8")
    one = cpu.replace("slots: 2", "slots: 1").replace("maximum: 4", "maximum: 1")
    (stack.definitions / "pools/one.yaml").write_text(one, "utf-8")
    for bundle in bundles:
        text = _PIPELINE.format(name=f"many-{bundle}", bundle=bundle)
        (stack.definitions / f"pipelines/many-{bundle}.yaml").write_text(text, "utf-8")


def upload(stack: Stack, prefix: str, blobs: int) -> None:
    """Upload so many small blobs, and wait until their events are handled."""

    def put(number: int) -> None:
        stack.engine.ports.writer.write(BlobRef("input", f"{prefix}{number:06d}"), b"x")

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(put, range(blobs)):
            pass
    queues = QueueServiceClient.from_connection_string(stack.settings.storage_connection)
    waiting = queues.get_queue_client(Queue.BLOB_EVENTS)

    def quiet() -> bool:
        counted = waiting.get_queue_properties().approximate_message_count
        time.sleep(1)
        return counted == 0

    until(lambda: quiet() and quiet(), _LIMIT_S, "the events of the uploads to be handled")


def processor_s(stack: Stack, service: str) -> float:
    """Return the processor seconds that a service and its children have used."""
    root = psutil.Process(stack.pid(service))
    return sum(sum(one.cpu_times()[:2]) for one in (root, *root.children(recursive=True)))


def measure(stack: Stack, bundle: int) -> tuple[float, float]:
    """Start the run; return after how many seconds it was planned, and submitted."""
    name, began = f"many-{bundle}", time.time()
    run_id = stack.upload(f"{name}/go/{time.time_ns()}", b"x", name)

    def has(*states: str) -> bool:
        held = runs.load(stack.engine.ports.tables, run_id)
        assert held is None or held.run.cause is None, held.run.error
        return held is not None and held.run.state in states

    until(lambda: has("submitting", "running"), _LIMIT_S, "the plan")
    planned = time.time() - began
    until(lambda: has("running"), _LIMIT_S, "the submission")
    return planned, time.time() - began


def main() -> None:
    """Measure both bundles, and print the figures beside the goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stack.splits", description=__doc__)
    parser.add_argument("--blobs", type=int, default=10_000)
    parser.add_argument("--bundles", type=int, nargs="+", default=(100, 1), help="items a task")
    given = parser.parse_args()
    end_in_order()
    console.print(machine_line())
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), profile="benign", hurries=False)
        try:
            define(stack, given.bundles)
            stack.start()
            upload(stack, "blobs/", given.blobs)
            for bundle in given.bundles:
                before = {name: processor_s(stack, name) for name in _SERVICES}
                planned, submitted = measure(stack, bundle)
                used = (
                    f"{name} {processor_s(stack, name) - before[name]:.1f}" for name in _SERVICES
                )
                judged = "met" if submitted <= GOAL_S else "missed"
                console.print(
                    f"split over {given.blobs:,} blobs, {bundle} a task: planned after "
                    f"{planned:.1f} s, submitted after {submitted:.1f} s "
                    f"(goal ≤ {GOAL_S:.0f} s): {judged}; processor seconds: {', '.join(used)}"
                )
        finally:
            stack.stop()


if __name__ == "__main__":
    main()
