"""The function app in memory: a test pumps queues and runs tasks, and the app survives crashes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.run import Run
from pipeline.errors import Transient
from pipeline.handlers.doors import dispatch, poison, timers
from pipeline.handlers.engine import Engine
from pipeline.handlers.mending import sweep
from pipeline.handlers.starting import lost_events, tick
from pipeline.ledger import index, outbox, runs
from pipeline.ports.queues import QueueMessage
from pipeline.ports.world import Ports
from tests.fakes.batch import Execute
from tests.fakes.blobs import Event
from tests.fakes.clock import START, SlowClock
from tests.fakes.crash import Crash
from tests.fakes.definitions import Definitions
from tests.fakes.node import Item, Outputs, Program
from tests.fakes.world import ROUTES, FakeWorld, fake_ports

MAX_ROUNDS = 600
MAX_DEQUEUES = 5
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def echo(item: Item) -> Outputs:
    """Write one small output for each item."""
    return [("part.txt", f"{item.id}\n".encode())]


@dataclass
class FakeApp:
    """An engine over the fakes, with the loop of a Functions host.

    With `hops` no invocation goes on to a further step, as if its time were always over.
    `execute` replaces the node that runs `program`; `loses` names events that never arrive.
    """

    engine: Engine
    world: FakeWorld
    program: Program = echo
    execute: Execute | None = None
    loses: Callable[[Event], bool] = lambda _: False
    hops: bool = False
    crashes: int = 0
    next_hour: datetime = START

    @classmethod
    def over(cls, folder: Path, *, quota: int = 100, program: Program = echo) -> "FakeApp":
        """Make an app of the definitions below a folder, with its world, events connected."""
        return cls.of(Definitions.of(folder), quota=quota, program=program)

    @classmethod
    def of(
        cls, definitions: Definitions, *, quota: int = 100, program: Program = echo
    ) -> "FakeApp":
        """Make an app of definitions that were read before."""
        world = fake_ports(quota=quota)
        app = cls(definitions.engine(world.ports), world, program)
        world.blobs.subscribe(app._hear)
        for pool in app.engine.catalogue.pools.values():
            world.batch.add_pool(app.engine.pool_id_of(pool), nodes=1)
        return app

    def _hear(self, event: Event) -> None:
        queue = ROUTES.get(str(event["subject"]).split("/")[4])
        if queue and not self.loses(event):
            self.world.queues.send(queue, json.dumps(event))

    def through(self, ports: Ports) -> None:
        """Give the engine other ports, such as those that crash."""
        self.engine = replace(self.engine, ports=ports)

    def hurry(self, limit: timedelta, per_look: timedelta) -> None:
        """Let the host kill invocations after so long, and each look at the clock take time."""
        ports = replace(self.engine.ports, clock=SlowClock(self.world.clock, per_look))
        self.engine = replace(self.engine, ports=ports, time_limit=limit)

    def upload(self, name: str, content: bytes, container: str = "input") -> None:
        """Upload a blob as a user would; its event goes to the queue."""
        self.world.blobs.put(container, name, content)

    def survive(self, action: Callable[[], object]) -> bool:
        """Run an action; a crash or a busy service ends the invocation, but not the test.

        Returns whether it survived.
        """
        try:
            action()
        except (Crash, Transient):
            self.crashes += 1
            return False
        return True

    def insist(self, action: Callable[[], object]) -> None:
        """Ask as a person would: once more after a crash, and accept that it happened already."""
        for _ in range(2):
            if self.survive(action):
                return

    def pump(self) -> int:
        """Handle every visible message once, in queue order; return how many there were."""
        return sum(self._drain(queue) for queue in Queue)

    def claim(self) -> None:
        """Handle every blob event, and stop when their runs are claimed."""
        while self.take(Queue.BLOB_EVENTS):
            continue

    def take(self, queue: str) -> bool:
        """Handle the first visible message of a queue, one step alone; return whether one was."""
        hops, self.hops = self.hops, True
        try:
            return self._take(queue)
        finally:
            self.hops = hops

    def lose(self, *steps: str) -> int:
        """Lose the visible messages that ask for these steps; return how many there were."""
        queues, now = self.world.queues, self.world.clock.now()
        lost = [
            message
            for message in queues.kept(Queue.WORK)
            if json.loads(message.body)["step"] in steps and message.visible_at <= now
        ]
        for message in lost:
            queues.forget(Queue.WORK, message.id)
        return len(lost)

    def _drain(self, queue: str) -> int:
        handled = 0
        while self._take(queue):
            handled += 1
        return handled

    def _take(self, queue: str) -> bool:
        received = self.world.queues.receive(queue, 1)
        for message in received:
            self._handle(queue, message)
        return bool(received)

    def _handle(self, queue: str, message: QueueMessage) -> None:
        if message.dequeue_count > MAX_DEQUEUES:
            self.world.queues.send(f"{queue}-poison", message.body)
            self.world.queues.delete(queue, message)
        elif self.survive(lambda: self.invoke(queue, message)):
            self.world.queues.delete(queue, message)

    def invoke(self, queue: str, message: QueueMessage) -> None:
        """Run the function of a queue for a message."""
        deliveries = message.dequeue_count + self.hops
        dispatch.handle(self.engine, Queue(queue), message.body, deliveries)

    def run_tasks(self) -> int:
        """Run every active task of every active job once, in order; return how many."""
        batch, execute = self.world.batch, self.execute or self.world.node(self.program)
        waiting = [(job, task) for job in list(batch.jobs) for task in batch.active(job)]
        for job, task in waiting:
            batch.run_task(job, task, execute)
        return len(waiting)

    def settle(self, *, patience: timedelta = timedelta(days=1)) -> None:
        """Pump, run tasks, let time pass and sweep, until nothing is left to do."""
        until = self.world.clock.now() + patience
        for _ in range(MAX_ROUNDS):
            if self.pump() + self.run_tasks():
                continue
            if not self.unfinished() or self.world.clock.now() > until:
                return
            self.pass_time()

    def pass_time(self, step: timedelta = MINUTE) -> None:
        """Let time pass, then fire the timers: that of every hour the first time, and when due."""
        now = self.world.clock.advance(step)
        hour = now >= self.next_hour
        self.next_hour = now + HOUR if hour else self.next_hour
        self.survive(lambda: timers.note(self.engine))
        self.survive(lambda: sweep.sweep(self.engine))
        self.survive(lambda: poison.read_all(self.engine))
        self.survive(lambda: poison.empty_retired(self.engine))
        if hour:
            self.survive(lambda: lost_events.sweep_events(self.engine))
        self.survive(lambda: tick.on_tick(self.engine))
        if hour:
            self.survive(lambda: timers.reap(self.engine))

    def unfinished(self) -> bool:
        """Return whether anything is left: a message, an active run, or an unannounced event."""
        tables = self.world.tables
        waiting = any(True for _ in index.active(tables)) or self.world.queues.total() > 0
        return waiting or any(
            True
            for p in index.pipelines(tables)
            for _ in (*outbox.unannounced(tables, p), *outbox.unreleased(tables, p))
        )

    def all_runs(self) -> list[Run]:
        """Read every run, latest first within its pipeline."""
        tables = self.world.tables
        return [
            held.run
            for pipeline in index.pipelines(tables)
            for run in index.recent(tables, pipeline)
            if (held := runs.load(tables, run))
        ]

    def only_run(self) -> Run:
        """Read the only run."""
        (run,) = self.all_runs()
        return run
