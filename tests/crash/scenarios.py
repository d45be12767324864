"""Stories of runs, each for an app that may crash anywhere, and how each of them must end."""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from pipeline.domain.outputs.archive import zipped
from pipeline.domain.waiting.reports import PoolReport
from pipeline.handlers.doors import http
from pipeline.handlers.ending import steer
from pipeline.handlers.starting.tick import on_tick
from pipeline.settings import Pin
from tests.crash.definitions import definitions
from tests.crash.programs import (
    VALUES,
    Lies,
    LosesOutputs,
    UnluckyNodes,
    second_fails,
    second_fails_first,
    secretive,
    work,
)
from tests.fakes.app import FakeApp
from tests.fakes.blobs import Event

MANY, SLICED = 50, 7
type Story = Callable[[FakeApp], None]


@dataclass(frozen=True)
class Scenario:
    """A story, the verdicts of the generations of its runs, and the content of the outputs.

    With `hops` every step has a message and an invocation of its own.
    """

    name: str
    story: Story
    verdicts: tuple[str, ...] = ("succeeded",)
    content: bytes = b"0\n1\n2\n"
    runs: int = 1
    items: int = 3
    quota: int = 100
    hops: bool = False

    def app(self) -> FakeApp:
        """Make the app of the story."""
        app = FakeApp.of(definitions(), quota=self.quota, program=work)
        app.hops = self.hops
        return app


def lines(app: FakeApp) -> None:
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()


def sheeted(app: FakeApp) -> None:
    app.upload("lines/a.txt", b"%070000d\n%070000d\n" % (1, 2))  # more than one sheet of a page
    app.settle()


def tolerated(app: FakeApp) -> None:
    app.program = second_fails
    app.upload("tolerant/a.txt", b"one\ntwo\nthree\n")
    app.settle()


def programs(app: FakeApp) -> None:
    app.upload("programs/a.bin", b"anything")
    app.settle()


def two_in_a_queue(app: FakeApp) -> None:
    app.upload("programs/a.bin", b"anything")
    app.upload("programs/b.bin", b"anything")
    app.settle()


def redriven(app: FakeApp) -> None:
    app.program = second_fails_first
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()
    app.insist(lambda: steer.redrive(app.engine, app.only_run().id))
    app.settle()


def cancelled(app: FakeApp) -> None:
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    while not app.all_runs():
        if not app.pump():
            app.pass_time()
    app.insist(lambda: steer.cancel(app.engine, app.only_run().id))
    app.settle()


def timed_out(app: FakeApp) -> None:
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    while not app.all_runs():
        if not app.pump():
            app.pass_time()
    app.pass_time(timedelta(hours=7))
    app.settle()


def unlucky(app: FakeApp) -> None:
    app.execute = UnluckyNodes(app.world, app.program)
    lines(app)


def outputs_lost(app: FakeApp) -> None:
    app.execute = LosesOutputs(app.world, app.program)
    lines(app)


def lied_to(app: FakeApp) -> None:
    app.execute = Lies(app.world, app.program)
    lines(app)


def event_lost(app: FakeApp) -> None:
    seen = itertools.count()

    def loses(event: Event) -> bool:
        return "/receipts/" in str(event["subject"]) and next(seen) == 1

    app.loses = loses
    lines(app)


def contained(app: FakeApp) -> None:
    app.execute = UnluckyNodes(app.world, lambda item: [("part.txt", f"{item.id}\n".encode())])
    app.upload("contained/a.bin", b"anything")
    app.settle()


def secrets(app: FakeApp) -> None:
    app.world.secrets.values = dict(VALUES)
    app.execute = UnluckyNodes(app.world, secretive)
    app.upload("secrets/a.bin", b"anything")
    app.settle()


def tick(app: FakeApp) -> None:
    app.insist(lambda: on_tick(app.engine))
    app.world.clock.advance(days=31)
    for _ in range(6):
        app.pass_time()
    app.settle()


def request(app: FakeApp) -> None:
    body = json.dumps({"pipeline": "range"}).encode()
    app.insist(lambda: http.start_run(app.engine, body, "key-1"))
    app.settle()


def listed(app: FakeApp) -> None:
    for number in range(MANY):  # with such names, a request does not carry their URLs
        app.world.blobs.put("input", f"listed/{'\u540d' * 1000}-{number:02}")
    body = json.dumps({"pipeline": "listed"}).encode()
    app.insist(lambda: http.start_run(app.engine, body, "key-1"))
    app.settle()


def sliced(app: FakeApp, pipeline: str = "sliced") -> None:
    begun_in_slices(app, pipeline)
    app.settle()


def begun_in_slices(app: FakeApp, pipeline: str) -> None:
    """Plan and assemble with so little time that each invocation takes a few items."""
    app.hurry(timedelta(seconds=30), timedelta(seconds=1))
    app.world.blobs.per_page = 3
    for number in range(SLICED):
        app.world.blobs.put("input", f"sliced/{number}")
    body = json.dumps({"pipeline": pipeline}).encode()
    app.insist(lambda: http.start_run(app.engine, body, "key-1"))


def archived(app: FakeApp) -> None:
    """Let the app make what Storage joins in the other stories."""
    sliced(app, "archived")


def cancelled_in_slices(app: FakeApp) -> None:
    """Cancel a run of many items, which are counted in slices for its verdict."""
    begun_in_slices(app, "sliced")
    while not app.only_run().plan:
        if not app.pump():
            app.pass_time()
    app.run_tasks()
    app.insist(lambda: steer.cancel(app.engine, app.only_run().id))
    app.settle()


def reduced(app: FakeApp) -> None:
    sliced(app, "reduced")


def paged(app: FakeApp) -> None:
    """Commit more files than a manifest lists."""
    sliced(app, "paged")


def copied(app: FakeApp) -> None:
    app.engine = replace(app.engine, pin=Pin.COPY)
    sliced(app)


def empty_pool(app: FakeApp) -> None:
    """Batch does not follow the formula: the pool gets nodes by a resize, then its formula back."""
    pools = app.world.batch.pools
    pools.update(dict.fromkeys(pools, PoolReport("active", "steady")))
    lines(app)
    for _ in range(3):
        app.pass_time()
    assert all(pool.autoscales for pool in pools.values())


def no_job_slot(app: FakeApp) -> None:
    app.upload("lines/a.txt", b"one\n")
    app.upload("lines/b.txt", b"one\n")
    app.settle()


def followed(app: FakeApp) -> None:
    app.upload("first/a.txt", b"one\ntwo\nthree\n")
    app.settle()


_ALL = b"".join(b"%d\n" % number for number in range(MANY))
_FEW = b"0\n1\n"
_ARCHIVE = b"".join(zipped((f"{n:06}/part.txt", [b"%d\n" % n]) for n in range(SLICED)))
_SUM = b'{\n  "total": 30\n}\n'
_SUM_IN_SLICES = b'{\n  "all": [\n    %s\n  ]\n}\n' % b",\n    ".join(
    b"%d" % n for n in range(SLICED)
)
SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("lines", lines),
        Scenario("lines-hop-by-hop", lines, hops=True),
        Scenario("programs-hop-by-hop", programs, content=_FEW, items=2, hops=True),
        Scenario("followed-hop-by-hop", followed, runs=2, hops=True),
        Scenario("sheeted", sheeted, content=_FEW, items=2),
        Scenario("tolerated", tolerated, content=b"0\n2\n"),
        Scenario("programs", programs, content=_FEW, items=2),
        Scenario("two-in-a-queue", two_in_a_queue, content=_FEW, items=2, runs=2),
        Scenario("redriven", redriven, ("failed", "succeeded")),
        Scenario("cancelled", cancelled, ("cancelled",)),
        Scenario("timed-out", timed_out, ("failed",)),
        Scenario("unlucky", unlucky),
        Scenario("outputs-lost", outputs_lost),
        Scenario("event-lost", event_lost),
        Scenario("lied-to", lied_to),
        Scenario("contained", contained),
        Scenario("secrets", secrets, content=_FEW, items=2),
        Scenario("tick", tick, content=_SUM, items=2),
        Scenario("followed", followed, runs=2),
        Scenario("request", request, content=_SUM, items=2),
        Scenario("listed", listed, content=_ALL, items=MANY),
        Scenario("sliced", sliced, content=_ALL[: 2 * SLICED], items=SLICED),
        Scenario("archived", archived, content=_ARCHIVE, items=SLICED),
        Scenario("paged", paged, content=_ALL[: 2 * SLICED], items=SLICED),
        Scenario("reduced", reduced, content=_SUM_IN_SLICES, items=SLICED),
        Scenario("cancelled-in-slices", cancelled_in_slices, ("cancelled",)),
        Scenario("copied", copied, content=_ALL[: 2 * SLICED], items=SLICED),
        Scenario("empty-pool", empty_pool),
        Scenario("no-job-slot", no_job_slot, content=b"0\n", items=1, runs=2, quota=1),
    )
}
