"""Plans that take longer than one invocation may: made in slices, by one planner at a time."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict
from pipeline.handlers.doors import dispatch
from pipeline.handlers.ending import steer
from pipeline.handlers.planning import planner
from pipeline.handlers.planning.listings import Listing
from pipeline.handlers.planning.work import Bookmark
from pipeline.ledger import runs
from pipeline.ledger.steps import slices
from tests.fakes.app import FakeApp
from tests.unit.handlers.conftest import BLOB, PLAIN, content_of

LIMIT = timedelta(seconds=20)
ROWS = b"name,n\n" + b"".join(b'"a\n%d",%d\n' % (n, n) for n in range(40))
TEXT = "".join(f"line {n} \u00fc\n\n" for n in range(40))
NAMES = [f"many/{n:02}" for n in range(40)]
LISTED = "split: {blobs: {container: input, prefix: many/}}\n"
SPLITS = {
    "range": ("split: {range: {stop: 40, step: 1}}\n", b"x"),
    "grid": ("split: {grid: {a: [1, 2, 3, 4, 5], b: [1, 2, 3, 4, 5, 6, 7, 8]}}\n", b"x"),
    "lines": ("split: {lines: {skip_header: true}}\n", TEXT.encode("utf-8-sig")),
    "other-lines": ("split: {lines: {}}\n", TEXT.encode("utf-16")),
    "csv": ("split: {csv: {rows_per_item: 2}}\n", ROWS),
    "other-csv": ("split: {csv: {encoding: iso-8859-1}}\n", ROWS),
    "bytes": ('split: {bytes: {bytes_per_item: 10, record_end: "\\n"}}\n', TEXT.encode()),
    "csv-manifest": (
        "split: {manifest: {format: csv, parameters: [n], container: input}}\n",
        "".join(["blob,n\n", *(f"{name},1\n" for name in NAMES)]).encode(),
    ),
    "json-manifest": (
        "split: {manifest: {format: json, container: input}}\n",
        json.dumps(NAMES).encode(),
    ),
    "blobs": (LISTED, b"x"),
}
ARGUMENTS = {
    "lines": '"{line}", "{output}"',
    "other-lines": '"{line}", "{output}"',
    "csv": '"{rows_file}", "{output}"',
    "other-csv": '"{rows_file}", "{output}"',
    "bytes": '"{bytes_file}", "{output}"',
}


@dataclass
class Slow(FakeApp):
    """An app in which each look at the clock takes time; it notes how long invocations take."""

    took: list[timedelta] = field(default_factory=list)

    def survive(self, action):
        clock = self.world.clock
        began = clock.now()
        survived = super().survive(action)
        self.took.append(clock.now() - began)
        return survived


def slow(app, per_look_s=1.0):
    """Let the host kill invocations after 20 s, of which each look at the clock takes a part."""
    made = Slow(app.engine, app.world)
    made.hurry(LIMIT, timedelta(seconds=per_look_s))
    return made


def listed(app, content=b"x"):
    """Upload the blobs that splits name, and the run's input."""
    app.world.blobs.per_page = 7
    for name in NAMES:
        app.world.blobs.put("input", name)
    app.upload("lines/a.txt", content)


def plan_of(app):
    """Return the pages that were published, without what each pin draws anew."""
    plan = app.only_run().plan
    pages = [json.loads(app.world.blobs.read(plan.page(n))) for n in range(plan.pages)]
    for page in pages:
        for file in [*page["inputs"], *(f for task in page["tasks"] for f in task["inputs"])]:
            file["url"] = file["url"].partition("?")[0]
    return pages


def slices_of(app):
    """Count the writes of the planner's cursor."""
    return slices.read(app.world.tables, planner.step_of(app.only_run())).turn


@pytest.mark.parametrize("name", SPLITS)
def test_a_plan_in_slices_is_the_plan_in_one_go(app_with, name):
    split, content = SPLITS[name]
    text = BLOB.replace('"{output}"', ARGUMENTS.get(name, '"{output}"')) + PLAIN + split
    at_once = app_with(text + "bundle: {items: 3}\n")
    listed(at_once, content)
    at_once.settle()
    app = slow(app_with(text + "bundle: {items: 3}\n"))
    listed(app, content)
    app.settle()
    assert plan_of(app) == plan_of(at_once)
    assert slices_of(app) > 6 > slices_of(at_once)
    assert content_of(app, app.only_run()) == content_of(at_once, at_once.only_run())


def planning(app):
    """Bring a run to its second slice; return the run."""
    app.upload("lines/a.txt", b"x")
    for queue in (Queue.BLOB_EVENTS, Queue.WORK):
        (message,) = app.world.queues.receive(queue, 9)
        dispatch.handle(app.engine, queue, message.body)
        app.world.queues.delete(queue, message)
    assert app.only_run().state == "planning"
    return app.only_run()


LONG = BLOB + PLAIN + "split: {range: {stop: 250, step: 1}}\n"


def test_one_planner_at_a_time_has_the_plan(app_with):
    app = slow(app_with(LONG))
    run = planning(app)
    app.engine.ports.clock.per_look = timedelta()
    other = slices.take(app.world.tables, planner.step_of(run), "other", app.world.clock.now())
    assert planner.is_at_work(app.engine, run)
    app.pump()
    assert app.only_run().state == "planning"
    slices.release(app.world.tables, other, app.world.clock.now())
    app.world.clock.advance(minutes=2)
    app.pump()
    assert app.only_run().state == "running"


def test_a_planner_that_lost_its_lease_publishes_nothing(app_with):
    app = slow(app_with(LONG))
    run = planning(app)
    app.engine.ports.clock.per_look = timedelta()
    step, real, taken = planner.step_of(run), app.world.blobs.write, []

    def write(*args, **more):
        if not taken:
            later = app.world.clock.advance(minutes=2)
            taken.append(slices.take(app.world.tables, step, "other", later))
        return real(*args, **more)

    app.world.blobs.write = write
    with pytest.raises(slices.LeaseLost):
        planner.make(app.engine, runs.need(app.world.tables, run.id))
    assert slices.read(app.world.tables, step) == taken[0]
    assert app.only_run().plan is None


def test_cancel_is_heard_between_slices(app_with):
    app = slow(app_with(LONG))
    run = planning(app)
    steer.cancel(app.engine, run.id)
    app.settle()
    assert app.only_run().state == "cancelled"
    assert app.only_run().plan is None


def test_cancel_is_heard_within_a_slice(app_with):
    app = slow(app_with(LONG))
    run = planning(app)
    held = runs.need(app.world.tables, run.id)
    app.hurry(timedelta(days=1), timedelta(seconds=1))
    steer.cancel(app.engine, run.id)
    before = len(app.world.blobs.names("engine"))
    with pytest.raises(Conflict):
        planner.make(app.engine, held)
    assert len(app.world.blobs.names("engine")) == before


def test_the_sweep_leaves_a_plan_alone_that_is_being_made(app_with):
    app = slow(app_with(LONG))
    run = planning(app)
    app.engine.ports.clock.per_look = timedelta()
    (message,) = app.world.queues.receive(Queue.WORK, 9)
    app.world.queues.delete(Queue.WORK, message)
    app.world.clock.advance(minutes=13)
    slices.take(app.world.tables, planner.step_of(run), "other", app.world.clock.now())
    app.pass_time(timedelta())
    assert app.world.queues.bodies(Queue.WORK) == []
    app.pass_time(timedelta(minutes=2))
    assert len(app.world.queues.bodies(Queue.WORK)) == 1


def test_a_page_that_was_begun_and_changed_ends_the_run(app_with):
    app = slow(app_with(LONG))
    planning(app)
    names = [name for name in app.world.blobs.names("engine") if "/rest-" in name]
    assert names
    for name in names:
        app.world.blobs.write(BlobRef("engine", name), b"{}")
    app.settle()
    assert "a page that the planner had begun was changed" in app.only_run().error


def test_blobs_that_come_and_go_between_slices_spoil_nothing(app_with):
    app = slow(app_with(BLOB + PLAIN + LISTED))
    listed(app)
    for step in range(60):
        for queue in (Queue.BLOB_EVENTS, Queue.WORK):
            for message in app.world.queues.receive(queue, 1):
                dispatch.handle(app.engine, queue, message.body)
                app.world.queues.delete(queue, message)
        app.world.blobs.remove("input", f"many/{step:02}")
        app.world.blobs.put("input", f"many/00-{step}")
    assert slices_of(app) > 6
    app.settle()
    assert app.only_run().state == "succeeded"


def test_more_blobs_than_a_run_may_have_are_refused_before_one_is_pinned(app_with, monkeypatch):
    monkeypatch.setattr("pipeline.domain.plans.split.MAX_ITEMS", 39)
    app = slow(app_with(BLOB + PLAIN + LISTED))
    pinned, real = [], app.world.blobs.snapshot
    app.world.blobs.snapshot = lambda ref, etag: pinned.append(ref.name) or real(ref, etag)
    listed(app)
    app.settle()
    assert "yields 40 items; at most 39 are allowed" in app.only_run().error
    assert pinned == ["lines/a.txt"]


def test_blobs_that_moved_to_a_later_page_are_not_taken_twice(app_with):
    app = app_with(BLOB + PLAIN + LISTED)
    listed(app)
    app.pump()
    run = app.only_run()
    split = app.engine.definition(run).split.blobs
    listing = Listing(app.engine, run, split, "input")
    drawn = [one for one in listing.drawn(Bookmark(counted=True)) if one.item]
    fourth = drawn[3].after
    expected = [one.after.name for one in drawn[4:]]
    for number in range(20):  # nearly three pages, all before the blob of the bookmark
        app.world.blobs.put("input", f"many/!{number:02}")
    again = [one.after.name for one in listing.drawn(fourth) if one.item]
    assert again == expected
