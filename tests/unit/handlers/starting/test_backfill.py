"""A backfill works in slices, goes on where it was interrupted, and starts nothing twice."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from pipeline.errors import Permanent
from pipeline.handlers.starting import backfill
from pipeline.handlers.starting.backfill import Asked, go_on, survey
from pipeline.handlers.tenure import Elsewhere
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import CursorUnreadable
from tests.fakes.app import FakeApp
from tests.fakes.crash import Injector
from tests.unit.handlers.keeping.conftest import SEARCH

BLOBS = 23


@pytest.fixture
def app(app_with, monkeypatch) -> FakeApp:
    """Return an app with blobs of which no event came, listed ten at a time."""
    monkeypatch.setattr(backfill, "_AT_ONCE", 4)
    return with_blobs(app_with)


def with_blobs(app_with) -> FakeApp:
    app = app_with()
    app.loses = lambda _event: True
    app.world.blobs.per_page = 10
    for number in range(BLOBS):
        app.world.blobs.put("input", f"lines/{number:02}.txt", b"one\n")
    app.world.clock.advance(minutes=1)
    return app


def asked(app: FakeApp) -> Asked:
    return Asked(app.engine.catalogue.pipeline("job"))


def cursors(app: FakeApp) -> list[str]:
    return [row.key for row in app.world.tables.rows("progress") if row.key != SEARCH]


def inputs(app: FakeApp) -> Counter[str]:
    return Counter(run.input.name for run in app.all_runs() if run.input)


def test_a_backfill_in_slices_starts_each_blob_once(app):
    app.hurry(timedelta(seconds=9), timedelta(seconds=1))
    done = [go_on(app.engine.begun(), asked(app), 100)]
    while not done[-1].over:
        done.append(go_on(app.engine.begun(), asked(app), 100))
    assert len(done) > 3
    assert sum(len(one.started) for one in done) == BLOBS
    assert len(app.all_runs()) == BLOBS
    assert cursors(app) == []


def test_a_backfill_that_was_interrupted_goes_on_where_it_was(app):
    heard: list[int] = []

    def interrupted(count: int) -> None:
        heard.append(count)
        if len(heard) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go_on(app.engine, asked(app), 100, interrupted)
    *_, found = survey(app.engine, asked(app), 100)
    assert found.after == "lines/09.txt", "what the last group started is looked at again"
    assert (found.looked, len(found.names)) == (BLOBS - 10, BLOBS - 14)
    assert go_on(app.engine, asked(app), 100).over
    assert all(count == 1 for count in inputs(app).values())
    assert len(inputs(app)) == BLOBS


def test_after_a_day_or_for_other_blobs_it_begins_with_the_first_one(app):
    go_on(app.engine, asked(app), 4)
    younger = Asked(asked(app).pipeline, timedelta(days=9))
    assert next(survey(app.engine, younger, 1)).after == ""
    assert next(survey(app.engine, asked(app), 1)).after == "lines/03.txt"
    app.world.clock.advance(days=1)
    assert next(survey(app.engine, asked(app), 1)).after == ""


def test_one_instance_at_a_time_backfills_a_pipeline(app):
    slices.take(app.world.tables, asked(app).step, "other", app.engine.now)
    with pytest.raises(Elsewhere, match="the step backfill of job: try again after"):
        go_on(app.engine, asked(app), 100)
    assert app.all_runs() == []


def test_a_place_that_storage_no_longer_knows_is_forgotten(app):
    go_on(app.engine, asked(app), 12)
    app.through(Injector(("blobs", "list_pages", 1), error=Permanent("old")).ports(app.world.ports))
    with pytest.raises(Permanent):
        go_on(app.engine, asked(app), 100)
    app.through(app.world.ports)
    assert next(survey(app.engine, asked(app), 1)).after == ""
    assert go_on(app.engine, asked(app), 100).over
    assert len(app.all_runs()) == BLOBS


def test_a_crash_at_any_call_starts_nothing_twice(app_with, monkeypatch):
    monkeypatch.setattr(backfill, "_AT_ONCE", 20)
    monkeypatch.setattr("tests.unit.handlers.starting.test_backfill.BLOBS", 3)
    injector, app = Injector(), with_blobs(app_with)
    app.through(injector.ports(app.world.ports))
    go_on(app.engine, asked(app), 100)
    calls = sorted((c.port, c.verb, c.nth) for c in injector.trace)
    assert len(calls) > 20
    for call in calls:
        for when in ("before", "after", "twice"):
            app = with_blobs(app_with)
            app.through(Injector(call, when).ports(app.world.ports))
            app.survive(partial(go_on, app.engine, asked(app), 100))
            app.through(app.world.ports)
            app.world.clock.advance(minutes=2)
            assert go_on(app.engine, asked(app), 100).over
            app.settle()
            assert inputs(app) == Counter(f"lines/0{n}.txt" for n in range(3)), (call, when)
            assert len(app.world.batch.jobs) == 3, (call, when)


def test_a_backfill_that_a_later_release_began_is_left_to_it(app):
    tables, step = app.world.tables, asked(app).step
    taken = slices.take(tables, step, "later", app.engine.now)
    slices.put_down(tables, taken, app.engine.now, 3, '{"of": 7}')
    with pytest.raises(CursorUnreadable, match="A later release wrote it, and it is left as it is"):
        go_on(app.engine.begun(), asked(app), 100)
    assert slices.read(tables, step).body == '{"of": 7}'
    assert app.all_runs() == []
