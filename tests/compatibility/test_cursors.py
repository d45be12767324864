"""A long step that a later release has begun is left to it, and its run says so."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.handlers.planning import planner
from pipeline.ledger import rows
from pipeline.ledger.layout import PROGRESS
from pipeline.ledger.steps import slices
from tests.unit.handlers.conftest import BLOB, PLAIN

BODIES = {
    "another shape": '{"folder": {"container": "engine"}}',
    "another word": '{"folder": "f", "in_order": "partly"}',
    "no JSON": "\x01packed",
}
MINUTES_OF_AN_UPDATE = 10


RANGE = BLOB + "split: {range: {stop: 40, step: 1}}\n" + PLAIN


@pytest.fixture
def app(app_with):
    """Return an app whose run has a plan that is not finished after the first slice."""
    app = app_with(RANGE)
    app.hurry(timedelta(seconds=20), timedelta(seconds=1))
    app.upload("lines/a.txt", b"x")
    app.claim()
    app.take("work")
    assert not cursor_of(app).finished
    return app


@pytest.fixture(params=BODIES.values(), ids=BODIES)
def body(request, app):
    """Let the first slice be the work of a later release; return what that wrote."""
    rewrite(app, body=request.param)
    return request.param


def step_of(app):
    return planner.step_of(app.only_run())


def cursor_of(app):
    return slices.read(app.world.tables, step_of(app))


def rewrite(app, **values):
    row = app.world.tables.get(PROGRESS, step_of(app).partition, step_of(app).key)
    rows.write(app.world.tables, PROGRESS, replace(row, values={**row.values, **values}))


def wait(app):
    for _ in range(MINUTES_OF_AN_UPDATE):
        app.pass_time()
        app.pump()


def test_its_run_says_who_can_go_on(app, body):
    wait(app)
    run = app.only_run()
    assert not run.over
    assert run.obstacle.code is ObstacleCode.STEP_FAILING
    assert "A later release wrote it" in run.why
    assert "deploy that release again" in run.why


def test_its_cursor_stays_as_it_is_and_nobody_holds_it(app, body):
    wait(app)
    after = cursor_of(app)
    assert (after.body, after.owner, after.finished) == (body, "", False)


def test_the_later_release_goes_on_from_it(app):
    readable = cursor_of(app)
    rewrite(app, body=BODIES["another word"])
    wait(app)
    rewrite(app, body=readable.body)
    app.settle()
    assert (app.only_run().state, app.only_run().succeeded) == ("succeeded", 40)


def test_columns_of_a_later_release_stay_in_a_cursor(app):
    rewrite(app, added_column="kept")
    app.pump()
    cursor = cursor_of(app)
    assert cursor.finished
    assert cursor.others == {"added_column": "kept"}
