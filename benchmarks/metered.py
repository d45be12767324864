"""`python -m benchmarks.metered`: counts the operations of runs by service, for `fanfare cost`.

Runs over the fakes. Counts the calls of the engine and the Functions host, the writes of nodes, the
events of Event Grid, and the engine's log records. Receipts of one wave arrive together there;
receipts that are spread over time need more executions.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from benchmarks.operations import PIPELINE
from pipeline.domain.money.cost import GB_SECONDS
from pipeline.handlers.doors.timers import every_minute
from pipeline.ports.queues import QueueMessage
from tests.fakes.app import FakeApp
from tests.fakes.crash import Injector
from tests.fakes.definitions import written
from tests.fakes.world import ROUTES

FILE = Path(__file__).resolve().parents[1] / "pipeline/metered.json"
SIZES = ((1000, 1), (1000, 10), (2000, 10))
_FREE = {"delete"}  # deleting a blob is free
_BLOB_WRITES = {"write", "upload", "stage", "commit", "copy", "snapshot", "list"}
_HOST = 2  # the host receives and deletes each message
_TIMER_STATUS = 1  # the host notes in a blob when a timer ran and when it is due again


class _Metered(FakeApp):
    """Counts the operations of the host and Event Grid around the engine."""

    def begin(self) -> None:
        self.count: Counter[str] = Counter()
        self.engine_calls = Injector()
        self.through(self.engine_calls.ports(self.world.ports))
        self.world.blobs.subscribe(self._note)

    def _note(self, event: dict[str, object]) -> None:
        container = str(event["subject"]).split("/")[4]
        self.count["blob-created"] += 1  # an event, whatever a filter then drops
        if container in ROUTES:
            self.count["event-delivered"] += 1
            self.count["queue-operation"] += 1

    def _handle(self, queue: str, message: QueueMessage) -> None:
        self.count["function-execution"] += 1
        self.count["queue-operation"] += _HOST
        super()._handle(queue, message)

    def operations(self) -> dict[str, float]:
        """Add up the operations by meter."""
        count, writes = Counter(self.count), 0
        for call in self.engine_calls.trace:
            if call.port == "tables":
                count["table-operation"] += 1
            elif call.port == "queues":
                count["queue-operation"] += 1
            elif call.port == "events":
                count["event-delivered"] += 2  # published, and delivered to one subscriber
            elif call.port in ("blobs", "writer") and call.verb not in _FREE:
                is_write = call.verb in _BLOB_WRITES
                writes += is_write
                count["blob-write" if is_write else "blob-read"] += 1
        by_engine = sum(c.port == "writer" and c.verb != "delete" for c in self.engine_calls.trace)
        count["blob-write"] += max(0, count["blob-created"] - by_engine)  # nodes and the user
        count["function-gb-second"] = int(count["function-execution"] * GB_SECONDS)
        return {name: float(amount) for name, amount in sorted(count.items())}


def sample(items: int, bundle: int) -> dict[str, object]:
    """Run this many items in memory and count the operations."""
    app = _app(bundle)
    with _records(app.count):
        app.upload("a.txt", b"line\n" * items)
        app.settle()
    return {"items": items, "tasks": -(-items // bundle), "operations": app.operations()}


def minute() -> dict[str, float]:
    """Count the operations of the minute timer without work, and those of its host."""
    app = _app(1)
    every_minute(app.engine)
    app.engine_calls.trace.clear()
    with _records(app.count):
        every_minute(app.engine)
    # `operations` counts a blob that the engine did not write as one operation.
    app.count["blob-created"] += _TIMER_STATUS
    return {name: n for name, n in app.operations().items() if not name.startswith("function")}


def measure() -> dict[str, object]:
    """Measure everything that the file holds, except its date."""
    command = "python -m benchmarks.metered"
    samples = [sample(items, bundle) for items, bundle in SIZES]
    return {"command": command, "samples": samples, "idle_minute": minute()}


class _Count(logging.Handler):
    """Counts log records."""

    def __init__(self, count: Counter[str]) -> None:
        super().__init__(logging.INFO)
        self._count = count

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record."""
        self._count["log-record"] += 1


@contextmanager
def _records(count: Counter[str]) -> Iterator[None]:
    """Count what the engine logs at the level of host.json."""
    logger, handler = logging.getLogger("fanfare"), _Count(count)
    before = logger.level
    count["log-record"] += 0
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


def _app(bundle: int) -> _Metered:
    app = _Metered.of(written((("job", PIPELINE.format(bundle=bundle)),)))
    assert isinstance(app, _Metered)
    app.begin()
    return app


if __name__ == "__main__":
    made = {"date": str(date.today()), **measure()}  # noqa: DTZ011 the day where it is measured
    FILE.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    print(f"wrote {FILE}")
