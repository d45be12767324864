"""The sweep: a failure stops nothing else, and the sweep does not ask for a step too often."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.errors import Permanent
from pipeline.handlers.doors import http
from pipeline.handlers.mending import sweep
from pipeline.ledger.layout import RUNS
from pipeline.ports.tables import Remove, Replace, Row
from tests.unit.handlers.conftest import LINES
from tests.unit.handlers.mending.test_outages import refusing

HOUR = timedelta(hours=1)


def spoil(app, key: str, **values: str) -> None:
    """Overwrite columns of a row, as an operator with Storage Explorer might."""
    row = app.world.tables.get(RUNS, "job", key)
    spoiled = Row("job", key, {**row.values, **values}, row.etag)
    app.world.tables.transact(RUNS, "job", [Replace(spoiled)])


def keys(app, prefix: str) -> list[str]:
    rows = app.world.tables.rows(RUNS, "job")
    return [row.key for row in rows if row.key.startswith(prefix)]


def two_runs(app) -> tuple[str, str]:
    """Start two runs; return their ids in the order in which the sweep reads them."""
    app.upload("lines/a.txt", b"one\n")
    app.upload("lines/b.txt", b"one\n")
    app.pump()
    first, second = sorted(run.id for run in app.all_runs())
    return first, second


def state_of(app, run: str) -> str:
    return app.world.tables.get(RUNS, "job", run).values["state"]


@pytest.mark.parametrize(
    "values", [{"state": "bogus"}, {"origin_json": "{"}, {"definition": "{}"}], ids=str
)
def test_a_run_that_cannot_be_read_does_not_stop_the_others(app_with, values):
    app = app_with()
    first, second = two_runs(app)
    app.loses = lambda event: "/receipts/" in str(event["subject"])
    app.run_tasks()
    spoil(app, first, **values)
    for _ in range(9):
        app.pass_time()
        app.pump()
    assert state_of(app, second) == "succeeded"
    assert keys(app, "ended:") == []


def test_a_run_that_cannot_be_read_says_where_it_is_and_what_to_do(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    run = app.only_run().id
    spoil(app, run, state="bogus")
    reply = http.answering(lambda: http.show_run(app.engine, run))
    assert "table runs" in reply.body["error"]
    assert f"row '{run}' of partition 'job'" in reply.body["error"]
    assert "state" in reply.body["error"]


def test_an_ended_row_that_cannot_be_read_does_not_stop_the_others(app_with):
    app = app_with()
    first, _ = two_runs(app)
    refusing(app, "jobs", "close", app.world.clock.now() + timedelta(minutes=3))
    app.run_tasks()
    app.pump()
    spoil(app, next(key for key in keys(app, "ended:") if first in key), state="bogus")
    app.settle(patience=HOUR)
    (left,) = keys(app, "ended:")
    assert first in left


def test_an_outbox_row_that_cannot_be_read_does_not_stop_the_others(app_with):
    app = app_with()
    first, second = two_runs(app)
    app.run_tasks()
    refusing(app, "events", "publish", app.world.clock.now() + timedelta(minutes=9))
    app.pump()
    spoil(app, next(key for key in keys(app, "outbox:") if first in key), event_00="{")
    app.settle(patience=HOUR)
    assert [event["subject"] for event in app.world.events.published] == [f"runs/{second}"]


def test_a_unit_that_fails_does_not_stop_admission_and_demand(app_with):
    app = app_with(LINES + "max_concurrent_runs: 1\n")
    first, second = two_runs(app)
    waiting = first if state_of(app, first) == "waiting" else second
    real, row = app.world.ports.tables, app.world.tables.get(RUNS, "job", "!places")
    real.transact(RUNS, "job", [Remove(row.key)])

    class Refusing:
        def __getattr__(self, name):
            return getattr(real, name)

        def query(self, table, partition, first="", before=""):
            if first == "outbox:":
                raise Permanent("This query is refused.")
            return real.query(table, partition, first, before)

    app.through(replace(app.world.ports, tables=Refusing()))
    sweep.sweep(app.engine)
    assert state_of(app, waiting) == "claimed"


def test_an_event_that_waits_is_asked_for_once_in_a_while(app_with, caplog):
    app = app_with()
    app.hops = True
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.run_tasks()
    asked = asked_while(app, "announce", lambda: app.only_run().over)
    assert asked == 4  # by the verdict, and then every 12 minutes
    assert caplog.messages.count("Announcement overdue: the sweep asks again") == 3


@pytest.mark.parametrize("step", ["plan", "submit", "assemble"])
def test_a_stale_step_is_asked_for_once_in_a_while(app_with, step, caplog):
    app = app_with()
    app.hops = True
    app.upload("lines/a.txt", b"one\n")
    state = {"plan": "claimed", "submit": "submitting", "assemble": "running"}[step]
    asked = asked_while(app, step, lambda: app.only_run().state == state)
    assert asked == 4
    assert caplog.messages.count("Run does not move: the sweep asks again") == 3


def asked_while(app, step: str, reached) -> int:
    """Lose a step's messages for forty minutes, once a state is reached; return how many."""
    asked, left = 0, 40
    while left:
        for queue in ("blob-events", *["work"] * 9, "receipts"):
            asked += app.lose(step)
            app.take(queue)
        app.run_tasks()
        if asked:
            assert reached()
            app.world.clock.advance(minutes=1)
            sweep.sweep(app.engine)
            left -= 1
    return asked
