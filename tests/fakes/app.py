"""The function app in memory: queues are pumped by hand, tasks run when told, crashes are survived."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from pipeline.domain.catalogue import load_catalogue
from pipeline.domain.run import Run
from pipeline.handlers import dispatch, lost_events, sweep, tick
from pipeline.handlers.engine import Engine
from pipeline.ledger import runs
from pipeline.ports import Ports
from pipeline.settings import QUEUES, Patience
from tests.fakes.crash import Crash
from tests.fakes.node import Item, Outputs, Program
from tests.fakes.world import FakeWorld, fake_ports

MAX_ROUNDS = 400


def echo(item: Item) -> Outputs:
    """Write one small output for each item."""
    return [("part.txt", f"{item.id}\n".encode())]


def make_engine(ports: Ports, folder: Path) -> Engine:
    """Make an engine of the definitions below a folder: pipelines/, pools/, task_scripts/."""
    catalogue = load_catalogue(folder / "pipelines", folder / "pools", folder / "task_scripts")
    scripts = {path.name: path.read_bytes() for path in (folder / "task_scripts").glob("*.py")}
    return Engine(ports, catalogue, Patience(), scripts)


@dataclass
class FakeApp:
    """An engine over the fakes, and the loop that a Functions host would be."""

    engine: Engine
    world: FakeWorld
    program: Program = echo
    crashes: int = 0
    _poisoned: dict[str, int] = field(default_factory=dict)

    @classmethod
    def over(cls, folder: Path, *, quota: int = 100, program: Program = echo) -> "FakeApp":
        """Make an app with its world, events connected."""
        world = fake_ports(quota=quota)
        world.connect_events()
        app = cls(make_engine(world.ports, folder), world, program)
        for pool in app.engine.catalogue.pools.values():
            world.batch.add_pool(app.engine.pool_id_of(pool), nodes=1)
        return app

    def through(self, ports: Ports) -> None:
        """Let the engine see the world through other ports, such as those that crash."""
        self.engine = replace(self.engine, ports=ports)

    def upload(self, name: str, content: bytes, container: str = "input") -> None:
        """Upload a blob as a user would; its event goes to the queue."""
        self.world.blobs.put(container, name, content)

    def survive(self, action: Callable[[], object]) -> bool:
        """Do something; a crash ends the invocation, not the test. Return whether it survived."""
        try:
            action()
        except Crash:
            self.crashes += 1
            return False
        return True

    def pump(self) -> int:
        """Handle every visible message once, in queue order; return how many there were."""
        handled = 0
        for queue in QUEUES:
            while received := self.world.queues.receive(queue, 1):
                handled += 1
                message = received[0]
                if self.survive(lambda q=queue, m=message: dispatch.handle(self.engine, q, m.body)):
                    self.world.queues.delete(queue, message)
            for message in self.world.queues.receive(f"{queue}-poison", 32):
                dispatch.on_poison(self.engine, queue, message.body)
                self.world.queues.delete(f"{queue}-poison", message)
        return handled

    def settle(self, *, patience: timedelta = timedelta(days=1)) -> None:
        """Pump, run tasks, let time pass and sweep until nothing is left to do."""
        until = self.world.clock.now() + patience
        for _ in range(MAX_ROUNDS):
            if self.pump() + self.world.run_tasks(self.program):
                continue
            if not self.unfinished():
                return
            if self.world.clock.now() > until:
                return
            self.world.clock.advance(timedelta(minutes=1))
            self.survive(lambda: sweep.sweep(self.engine))
            self.survive(lambda: lost_events.sweep_events(self.engine))
            self.survive(lambda: tick.on_tick(self.engine))

    def unfinished(self) -> bool:
        """Whether anything is left: a message, an active run, an event not announced."""
        tables = self.world.tables
        waiting = any(True for _ in runs.active(tables)) or self.world.queues.total() > 0
        return waiting or any(
            True for p in runs.pipelines(tables) for _ in runs.unannounced(tables, p)
        )

    def all_runs(self) -> list[Run]:
        """Read every run, latest first within its pipeline."""
        tables = self.world.tables
        return [
            held.run
            for pipeline in runs.pipelines(tables)
            for run in runs.recent(tables, pipeline)
            if (held := runs.load(tables, run))
        ]

    def only_run(self) -> Run:
        """Read the one run that there is."""
        (run,) = self.all_runs()
        return run
