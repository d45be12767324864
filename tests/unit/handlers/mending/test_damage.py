"""Rows of the ledger that somebody damaged: they are left out and logged, and block no run."""

import logging

import pytest

from pipeline.handlers.starting import lost_events
from pipeline.ledger import watermarks
from pipeline.ledger.layout import POOLS, PROGRESS, RUNS, TASKS
from pipeline.ports.tables import Remove
from tests.unit.handlers.conftest import LINES

LIMITED = LINES + "max_concurrent_runs: 1\n"


def rows(app, table, key):
    return [row for row in app.world.tables.rows(table) if row.key.startswith(key)]


def damage(app, table, key):
    """Overwrite every column of some rows with an unreadable value."""
    found = rows(app, table, key)
    for row in found:
        row.values.update(dict.fromkeys(row.values, "\x00nonsense"))
    return len(found)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (RUNS, "!places"),
        (RUNS, "!events"),
        (POOLS, "demand:"),
        (POOLS, "push"),
        (PROGRESS, "pages"),
    ],
)
def test_a_damaged_row_beside_a_run_does_not_keep_it_from_its_end(app_with, caplog, table, key):
    app = app_with(LIMITED)
    app.pass_time()
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    assert damage(app, table, key)
    with caplog.at_level(logging.WARNING):
        app.settle()
    assert app.only_run().state == "succeeded"
    assert not app.unfinished()


@pytest.mark.parametrize("table", [TASKS, PROGRESS])
def test_damaged_rows_of_tasks_are_restored_from_receipts(app_with, table):
    app = app_with(LINES)
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.pump()
    run, batch = app.only_run(), app.world.batch
    batch.run_task(run.job, "t000000", app.world.node(app.program))
    app.pump()
    assert damage(app, table, "t")
    app.settle()
    assert (app.only_run().state, app.only_run().succeeded) == ("succeeded", 3)


def test_a_damaged_row_of_a_trigger_keeps_no_other_pipeline_from_its_activation(app_with, caplog):
    app = app_with(LINES, also={"later": LINES.replace("lines/", "later/")})
    lost_events.activate(app.engine)
    (other,) = (row for row in rows(app, RUNS, "!events") if row.partition == "later")
    app.world.tables.transact(RUNS, "later", [Remove(other.key)])
    damage(app, RUNS, "!events")
    with caplog.at_level(logging.WARNING):
        lost_events.activate(app.engine)
    assert watermarks.watched(app.world.tables, "later")
    assert "Trigger not activated" in caplog.text


def test_a_damaged_row_is_logged_with_its_key(app_with, caplog):
    app = app_with(LIMITED)
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    damage(app, RUNS, "!places")
    app.settle()
    assert any("!places" in str(getattr(record, "reason", "")) for record in caplog.records)
