"""What a run left is deleted in slices, by one instance at a time, and from where it was."""

from datetime import timedelta

import pytest

from pipeline.handlers.ending import leftovers, purge
from pipeline.handlers.keeping.retention import retain
from pipeline.handlers.tenure import Elsewhere
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import LongStep
from tests.fakes.app import FakeApp
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import BODY, PLAIN
from tests.unit.handlers.keeping.conftest import NOTHING, left_in_storage

PINS = 450
SET = f"trigger: {{blob: {{container: input, prefix: lines/}}}}\n{BODY}{PLAIN}" + (
    "split: {blobs: {container: input, prefix: set/}}\n"
)
LIMIT, A_LOOK = timedelta(seconds=30), timedelta(seconds=1)


@pytest.fixture
def app(app_with, monkeypatch) -> FakeApp:
    """Return an app with a run that is over, whose plan of five pages names many pins."""
    monkeypatch.setattr(leftovers, "_AT_ONCE", 40)
    app = app_with(SET)
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
