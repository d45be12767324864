"""A deployment in memory for `fanfare smoke`, with a node that carries out what its runs ask."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from pipeline.cli.session import Session
from pipeline.cli.target import render_env
from pipeline.domain.definitions.types import SMOKE
from pipeline.handlers.mending import sweep
from pipeline.ledger import runs
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written
from tests.fakes.node import Failure, Item
from tests.unit.cli.conftest import LINES, Cli
from tests.unit.cli.subscribing.test_deployment import ACCOUNT, VALUES

QUEUE = {
    "deliveryWithResourceIdentity": {
        "destination": {
            "endpointType": "StorageQueue",
            "properties": {"resourceId": ACCOUNT, "queueName": "desk"},
        }
    },
    "filter": {"includedEventTypes": None},
}


def obedient(item: Item):
    """Do what the runs of a smoke ask: read, or fail until the second generation."""
    if item.inputs:
        return [("answer.txt", item.content().upper())]
    return [("answer.txt", b"redriven\n")] if item.page["generation"] > 1 else Failure(exit_code=7)


@dataclass
class Deployment(Cli):
    """A command line over a deployment; `interrupts` is called at each pause.

    Without `works` no task starts, and without `delivers` no event arrives.
    """

    subscribed: Mapping[str, Mapping] = field(default_factory=dict)
    works: bool = True
    delivers: bool = True
    interrupts: Callable[[], object] = lambda: None
    told: int = 0

    def session(self) -> Session:
        session = super().session()
        session.subscriptions = lambda *_: self.subscribed
        return session

    def _sleep(self, seconds: float) -> None:
        self.app.world.clock.advance(seconds=seconds)
        self.app.pump()
        if self.works:
            self._work()
        if self.delivers:
            self._deliver()
        sweep.sweep(self.app.engine)
        self.interrupts()

    def _work(self) -> None:
        """Run the tasks that wait; one that sleeps only begins."""
        batch, node = self.app.world.batch, self.app.world.node(self.app.program)
        waiting = [(job, task) for job in list(batch.jobs) for task in batch.active(job)]
        for job, task in waiting:
            if batch.jobs[job].spec.run == SMOKE:  # a task that no run has
                batch.start_task(job, task)
                batch.finish_task(job, task)
                continue
            run = runs.need(self.app.engine.ports.tables, batch.jobs[job].spec.run).run
            if self.app.engine.definition(run).task.command[0] == "sleep":
                batch.start_task(job, task)
            else:
                batch.run_task(job, task, node)

    def _deliver(self) -> None:
        published = self.app.world.events.published
        for event in published[self.told :] if self.subscribed else ():
            self.app.world.queues.send("desk", json.dumps(event))
        self.told = len(published)


@pytest.fixture
def deployment(tmp_path):
    """Make a deployment of these pipelines and pools; its topic sends to the queue `desk`."""

    def make(pipeline=LINES, program=obedient, subscribed=QUEUE) -> Deployment:
        app = FakeApp.of(written((("job", pipeline),)), program=program)
        app.world.queues.create("desk")
        (tmp_path / ".env").write_text(render_env(VALUES))
        return Deployment(app, tmp_path, subscribed={"desk": subscribed} if subscribed else {})

    return make
