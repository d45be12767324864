"""Receipts of a run: drained by the engine, against one message and one write each.

Two runs of the same size are planned on a stack without nodes, and the benchmark writes what their
nodes would write. Then the messages of the one are taken as a plain function would take them: each
alone, with one blob read and one row written. Those of the other are drained by the engine.
"""

import tempfile
import time
from pathlib import Path

from benchmarks.worker import PIPELINE, Bench
from pipeline.domain.runs.events import parse_blob_created
from pipeline.domain.runs.messages import Queue, parse_event
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.handlers.collecting.receipts import on_receipts
from pipeline.ledger import tasks
from pipeline.ports.tables import Insert, Row
from tests.e2e.local import Stack

_TABLE = "tasks"


def measure(count: int) -> float:
    """Return how many times faster the engine takes this many receipts."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), "benign", 0, batch_options=("--node-quota", "0"), hurries=False)
        text = PIPELINE.format(name="alone", bundle=1, assemble="{none: {}}")
        (stack.definitions / "pipelines/alone.yaml").write_text(text)
        try:
            stack.start()
            return _compare(stack, count)
        finally:
            stack.stop()


def _compare(stack: Stack, count: int) -> float:
    bench, seconds = Bench(stack), []
    for take in (_alone, _drained):
        (run,) = bench.planned("alone", count)
        with stack.frozen("functions"):
            bench.write(run, b"x")
            time.sleep(2)  # until the events are in the queue
            began = time.monotonic()
            taken = take(stack, run)
            seconds.append(time.monotonic() - began)
        assert taken >= count, (take.__name__, taken)
    return seconds[0] / seconds[1]


def _alone(stack: Stack, run: Run) -> int:
    """Read and record each receipt by itself; return how many there were."""
    ports, taken = stack.engine.ports, 0
    while messages := ports.queues.receive(Queue.RECEIPTS, 1):
        event = parse_blob_created(parse_event(messages[0].body).event)
        assert event is not None
        content = ports.blobs.read(BlobRef(event.container, event.name))
        row = Row(f"{run.id}-baseline", f"{taken:06}", {"receipt": content.decode()})
        ports.tables.transact(_TABLE, row.partition, [Insert(row)])
        ports.queues.delete(Queue.RECEIPTS, messages[0])
        taken += 1
    return taken


def _drained(stack: Stack, run: Run) -> int:
    """Let the engine take what waits, as its function does; return how many are recorded."""
    ports = stack.engine.ports
    while messages := ports.queues.receive(Queue.RECEIPTS, 1):
        on_receipts(parse_event(messages[0].body), stack.engine)
        ports.queues.delete(Queue.RECEIPTS, messages[0])
    return sum(1 for _ in tasks.results(ports.tables, run.id, run.generation))
