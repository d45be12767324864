"""What a run left is deleted in slices, by one instance at a time, and from where it was."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.handlers.ending import leftovers, purge
from pipeline.handlers.keeping.retention import retain
from pipeline.handlers.tenure import Elsewhere
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import LongStep
from tests.fakes.app import FakeApp
from tests.fakes.crash import Crash, Injector
from tests.unit.handlers.conftest import BODY, PLAIN
from tests.unit.handlers.keeping.conftest import NOTHING, left_in_storage

PINS, PAGES = 450, 5
SET = f"trigger: {{blob: {{container: input, prefix: lines/}}}}\n{BODY}{PLAIN}" + (
    "split: {blobs: {container: input, prefix: set/}}\n"
)
LIMIT, A_LOOK = timedelta(seconds=30), timedelta(seconds=1)


@pytest.fixture
def app(app_with, monkeypatch) -> FakeApp:
    """Return an app with a run that is over, whose plan of five pages names many pins."""
    monkeypatch.setattr(leftovers, "_AT_ONCE", 40)
    return with_pins(app_with(SET))


def with_pins(app: FakeApp) -> FakeApp:
    """Execute a run whose plan names a pin for each item."""
    for number in range(PINS):
        app.world.blobs.put("input", f"set/{number:03}", b"x")
    app.upload("lines/a.txt", b"x")
    app.settle()
    assert app.only_run().state == "succeeded"
    assert len(app.world.blobs.snapshots("input")) == PINS + 1
    return app


def test_a_purge_goes_on_at_the_pin_where_it_was(app):
    found = purge.belongings(app.engine, app.only_run(), output=False)
    purge.begin(app.engine, app.only_run().id)
    calls, slice_ = Injector(), 1
    app.through(calls.ports(app.world.ports))
    app.hurry(LIMIT, A_LOOK)
    while not purge.go_on(app.engine.begun(), found):
        slice_ += 1
    assert slice_ > 10
    assert left_in_storage(app) == NOTHING
    deleted = [call for call in calls.trace if (call.port, call.verb) == ("writer", "delete")]
    backups = 2
    assert len(deleted) == found.blobs + backups, "nothing is deleted twice"


def test_what_is_counted_before_is_what_is_deleted(app):
    found, told = purge.belongings(app.engine, app.only_run(), output=True), []
    purge.carry_out(app.engine, found, told.append)
    rows = len(told) and sum(told) - found.blobs
    assert found.rows == PINS <= rows <= PINS + 10
    assert app.world.blobs.names("output") == []


def test_one_instance_at_a_time_purges(app):
    run = app.only_run()
    found = purge.belongings(app.engine, run, output=False)
    slices.take(app.world.tables, LongStep(run.id, 0, "purge"), "other", app.engine.now)
    with pytest.raises(Elsewhere, match=r"the step purge of job-\w+: try again after"):
        purge.carry_out(app.engine, found)
    app.world.clock.advance(minutes=2)
    purge.carry_out(app.engine, found)
    assert left_in_storage(app) == NOTHING


def test_the_retention_deletes_what_an_interrupted_purge_left(app):
    found = purge.belongings(app.engine, app.only_run(), output=False)

    def interrupted(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purge.carry_out(app.engine, found, interrupted)
    assert any(left_in_storage(app).values())
    app.world.clock.advance(days=40)
    retain(app.engine)
    assert left_in_storage(app) == NOTHING


def on_page(app: FakeApp, told: Callable[[str], object]) -> None:
    """Tell the name of each page of a plan that is read."""
    real = app.engine.ports.blobs

    class Telling:
        def __getattr__(self, verb):
            return getattr(real, verb)

        def read(self, ref):
            if "/plan/" in ref.name and "digests" not in ref.name:
                told(ref.name)
            return real.read(ref)

    app.through(replace(app.engine.ports, blobs=Telling()))


def without_pages(app: FakeApp) -> purge.Purge:
    """Delete the pages of the plan, of which no cursor knows; return what is to be purged."""
    read: list[str] = []
    on_page(app, read.append)
    found = purge.belongings(app.engine, app.only_run(), output=False)
    assert len(set(read)) == PAGES
    for name in set(read):
        app.world.blobs.remove("engine", name)
    purge.begin(app.engine, app.only_run().id)
    return found


def test_plans_that_are_gone_are_not_walked_again(app):
    found, read, slices_ = purge.belongings(app.engine, app.only_run(), output=False), [], []
    purge.begin(app.engine, app.only_run().id)
    on_page(app, read.append)
    app.hurry(LIMIT, A_LOOK)
    while not purge.go_on(app.engine.begun(), found):
        slices_.append(len(read))
    assert slices_[0] < slices_[1]
    assert slices_[-3] == slices_[-2] == slices_[-1] == len(read)
    stops = sum(1 for before, after in zip([0, *slices_], slices_, strict=False) if before < after)
    assert len(read) <= PAGES + stops, "a page is read again only where a slice stopped in it"


def test_a_walk_over_pages_that_are_gone_ends_with_its_time(app):
    found, read = without_pages(app), []
    on_page(app, lambda name: (read.append(name), app.world.clock.advance(seconds=25)))
    app.hurry(LIMIT, timedelta(0))
    per_slice = []
    for _ in range(PAGES):
        assert not purge.go_on(app.engine.begun(), found)
        per_slice.append(len(read) - sum(per_slice))
    assert max(per_slice) < PAGES
    assert sorted(read) == sorted(set(read)), "each is looked at once"
    assert len(read) == PAGES


def test_the_lease_lives_while_pages_that_are_gone_are_walked_over(app):
    found, held = without_pages(app), []
    step = LongStep(app.only_run().id, 0, "purge")

    def slowly(_name: str) -> None:
        held.append(slices.read(app.world.tables, step).until > app.engine.now)
        app.world.clock.advance(seconds=25)

    on_page(app, slowly)
    app.hurry(timedelta(minutes=9), timedelta(0))
    assert purge.go_on(app.engine.begun(), found)
    assert held == [True] * PAGES


def test_a_purge_whose_owner_dies_goes_on_near_the_pin_where_it_was(app_with, monkeypatch):
    monkeypatch.setattr(leftovers, "_AT_ONCE", 40)
    app = with_pins(app_with(f"{SET}bundle: {{items: {PINS}}}\n"))
    found = purge.belongings(app.engine, app.only_run(), output=False)
    purge.begin(app.engine, app.only_run().id)
    calls = Injector(at=("writer", "delete", 300))
    app.through(calls.ports(app.world.ports))
    app.hurry(timedelta(hours=9), timedelta(seconds=10))
    with pytest.raises(Crash):
        purge.go_on(app.engine.begun(), found)
    assert purge.go_on(app.engine.begun(), found)
    assert left_in_storage(app) == NOTHING
    deleted = [call for call in calls.trace if (call.port, call.verb) == ("writer", "delete")]
    backups, again = 2, 2 * 40
    assert len(deleted) <= found.blobs + backups + again
