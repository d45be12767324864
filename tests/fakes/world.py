"""All services in memory, as one value that tests drive."""

import json
from dataclasses import dataclass

from pipeline.ports.world import Ports
from tests.fakes.batch import FakeBatch
from tests.fakes.blobs import Event, FakeBlobs
from tests.fakes.clock import FakeClock
from tests.fakes.events import FakeEvents
from tests.fakes.images import FakeImages
from tests.fakes.node import FakeNode, Program
from tests.fakes.queues import FakeQueues
from tests.fakes.secrets import FakeSecrets
from tests.fakes.tables import FakeTables

ROUTES = {"input": "blob-events", "output": "blob-events", "receipts": "receipts"}


@dataclass(frozen=True)
class FakeWorld:
    """The fakes, and the ports made of them."""

    clock: FakeClock
    tables: FakeTables
    blobs: FakeBlobs
    queues: FakeQueues
    batch: FakeBatch
    events: FakeEvents
    images: FakeImages
    secrets: FakeSecrets
    ports: Ports

    def connect_events(self) -> None:
        """Deliver blob events to queues, as the storage account's event subscriptions do."""
        self.blobs.subscribe(self._deliver)

    def node(self, program: Program) -> FakeNode:
        """Return a node that runs this function instead of programs."""
        return FakeNode(self.blobs, self.clock, program)

    def run_tasks(self, program: Program) -> int:
        """Run every active task of every active job once, in order; return how many."""
        node = self.node(program)
        waiting = [(job, task) for job in self.batch.jobs for task in self.batch.active(job)]
        for job, task in waiting:
            self.batch.run_task(job, task, node)
        return len(waiting)

    def _deliver(self, event: Event) -> None:
        container = str(event["subject"]).split("/")[4]
        if queue := ROUTES.get(container):
            self.queues.send(queue, json.dumps(event))


def fake_ports(*, quota: int = 100) -> FakeWorld:
    """Make an empty world at `clock.START`; `quota` is the number of active jobs that it allows."""
    clock = FakeClock()
    tables, blobs, queues = FakeTables(), FakeBlobs(clock), FakeQueues(clock)
    batch, events = FakeBatch(clock, quota), FakeEvents()
    images, secrets = FakeImages(), FakeSecrets()
    ports = Ports(tables, blobs, blobs, blobs, queues, batch, batch, events, images, secrets, clock)
    return FakeWorld(clock, tables, blobs, queues, batch, events, images, secrets, ports)
