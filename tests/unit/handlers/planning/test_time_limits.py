"""A hundred thousand items, with a host that kills invocations after twenty seconds."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from pipeline.domain.plans import digests
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.slices import SHARE
from pipeline.handlers.doors import dispatch
from pipeline.handlers.ending import purge, steer
from pipeline.handlers.planning import planner
from pipeline.handlers.published import PlanSpoiled, read_page
from pipeline.handlers.running import submit
from pipeline.handlers.starting.backfill import Asked, go_on
from pipeline.ledger.steps import slices
from tests.fakes.app import FakeApp
from tests.fakes.clock import FakeClock
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import BLOB, PLAIN, content_of

LIMIT = timedelta(seconds=20)
AT_ONCE = 8
A_LOOK, A_CALL = timedelta(microseconds=100), timedelta(milliseconds=20)
ITEMS = 100_000
HUGE = BLOB + PLAIN + "split: {range: {stop: 100000, step: 1}}\nbundle: {items: 100}\n"
LARGE = BLOB + PLAIN + "split: {range: {stop: 450, step: 1}}\n"


@dataclass
class Paced(Injector):
    """Disturbs nothing; each call takes a while, and less if others are made beside it."""

    clock: FakeClock = field(default_factory=FakeClock)

    def call(self, port, verb, made):
        alone = threading.current_thread() is threading.main_thread()
        self.clock.advance(A_CALL if alone else A_CALL / AT_ONCE)
        return made()


@dataclass
class Timed(FakeApp):
    """An app that notes how long each invocation takes, and what it sends."""

    took: list[timedelta] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    def survive(self, action):
        began, before = self.world.clock.now(), self.world.queues.total()
        survived = super().survive(action)
        self.took.append(self.world.clock.now() - began)
        self.sent.append(self.world.queues.total() - before)
        return survived


def timed(app):
    made = Timed(app.engine, app.world)
    made.through(Paced(clock=app.world.clock).ports(app.world.ports))
    made.hurry(LIMIT, A_LOOK)
    return made


def test_a_hundred_thousand_items_end_in_slices(app_with):
    app = timed(app_with(HUGE))
    app.hops = True  # every step has an invocation of its own
    app.upload("lines/a.txt", b"x")
    app.settle()
    run = app.only_run()
    assert (run.state, run.succeeded) == ("succeeded", ITEMS)
    assert (run.plan.items, run.plan.tasks, run.plan.pages) == (ITEMS, 1000, 10)
    assert content_of(app, run) == b"".join(b"%d\n" % n for n in range(ITEMS))
    assert turns(app, planner.step_of(run)) > 6
    assert turns(app, slices.LongStep.of(run, "assemble")) > 6
    assert max(app.took) < LIMIT / SHARE + timedelta(seconds=1)
    assert max(app.sent) <= 1 + 32, "a slice of the plan, and ranges of pages"


def test_a_cancelled_run_of_a_hundred_thousand_items_ends_in_slices(app_with):
    app = timed(app_with(HUGE.replace("items: 100}", "items: 100, pack: false}")))
    app.hops = True
    run = begun(app, tasks=400)
    assert app.survive(lambda: steer.cancel(app.engine, run.id))
    assert app.only_run().state == "cancelling", "its items are counted in slices"
    app.settle()
    run = app.only_run()
    assert (run.state, run.succeeded, run.failed) == ("cancelled", 40_000, 60_000)
    assert turns(app, slices.LongStep.of(run, "early-end")) > 4
    assert max(app.took) < LIMIT / SHARE + timedelta(seconds=1)
    purged_in_slices(app, run)


def purged_in_slices(app, run):
    """Purge a run, each slice in an invocation of its own."""
    app.took.clear()
    whole: list[bool] = []
    found = purge.belongings(app.engine, run, output=True)
    purge.begin(app.engine, run.id)
    while not whole or not whole[-1]:
        assert app.survive(lambda: whole.append(purge.go_on(app.engine.begun(), found)))
    assert len(whole) > 10
    assert max(app.took) < LIMIT / SHARE + timedelta(seconds=1)
    assert not any(app.world.blobs.names(container, run.id) for container in ("work", "receipts"))
    assert app.world.tables.rows("tasks") == []


def test_a_backfill_over_a_hundred_thousand_blobs_works_in_slices(app_with):
    app = app_with(LARGE.replace("prefix: lines/", "prefix: lines/, suffix: [.txt]"))
    app.loses = lambda _event: True
    for number in range(ITEMS):
        kind = "tmp" if number % 40 else "txt"
        app.world.blobs.put("input", f"lines/{number:06}.{kind}", b"x")
    app.world.clock.advance(minutes=1)
    app = timed(app)
    asked, done = Asked(app.engine.catalogue.pipeline("job")), []
    while not done or not done[-1].over:
        assert app.survive(lambda: done.append(go_on(app.engine.begun(), asked, ITEMS)))
    assert sum(len(one.started) for one in done) == ITEMS / 40
    assert len(done) > 6
    assert max(app.took) < LIMIT / SHARE + timedelta(seconds=1)


def begun(app, tasks):
    """Begin the one run, and let some of its tasks end."""
    app.upload("lines/a.txt", b"x")
    while app.pump():
        pass
    run, execute = app.only_run(), app.world.node(app.program)
    for task in list(app.world.batch.active(run.job))[:tasks]:
        app.world.batch.run_task(run.job, task, execute)
    while app.pump():
        pass
    return run


def turns(app, step):
    return slices.read(app.world.tables, step).turn


def test_pages_are_asked_for_by_messages_that_fan_out(app_with, monkeypatch):
    monkeypatch.setattr(submit, "_AT_ONCE", 2)
    app = timed(app_with(LARGE))
    app.upload("lines/a.txt", b"x")
    while app.pump():
        pass
    assert max(app.sent) <= 2
    app.settle()
    assert app.only_run().succeeded == 450


def test_many_pages_have_their_digests_in_lists(app_with, monkeypatch):
    monkeypatch.setattr(digests, "PER_LIST", 2)
    monkeypatch.setattr(digests, "FEW", 1)
    app = app_with(LARGE)
    app.upload("lines/a.txt", b"x")
    app.settle()
    plan = app.only_run().plan
    assert (plan.pages, plan.sha256, len(plan.lists)) == (5, (), 3)
    assert content_of(app, app.only_run()) == b"".join(b"%d\n" % n for n in range(450))


def test_a_list_of_digests_that_was_changed_spoils_its_pages(app_with, monkeypatch):
    monkeypatch.setattr(digests, "FEW", 1)
    app = app_with(LARGE)
    app.upload("lines/a.txt", b"x")
    for queue in (Queue.BLOB_EVENTS, Queue.WORK):
        (message,) = app.world.queues.receive(queue, 1)
        dispatch.handle(app.engine, queue, message.body)
        app.world.queues.delete(queue, message)
    plan = app.only_run().plan
    app.world.blobs.write(BlobRef("engine", f"{plan.folder}/d-00000"), b"x" * 160)
    with pytest.raises(PlanSpoiled, match="a part of the plan, was changed"):
        read_page(app.engine, plan, 0)
