"""The minute timer: schedules and the sweep share it, and a failure of one spares the other."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.handlers.doors.timers import every_minute, reap
from pipeline.handlers.starting import tick
from tests.unit.handlers.conftest import LINES
from tests.unit.handlers.starting.test_schedules import scheduled


def lost_plan(app):
    """Leave a run without the message that would plan it."""
    tick.on_tick(app.engine)
    app.world.clock.advance(minutes=10)
    tick.on_tick(app.engine)
    assert app.lose("plan") == 1
    app.world.clock.advance(minutes=60)


def test_a_minute_starts_what_is_due_and_finds_what_was_lost(app_with):
    app = app_with(scheduled(", overlap: allow, catchup: last"))
    lost_plan(app)
    every_minute(app.engine)
    assert len(app.all_runs()) == 2
    assert app.world.queues.total() == 2


def test_a_schedule_that_cannot_be_read_does_not_keep_the_sweep_from_lost_messages(app_with):
    app = app_with(scheduled())
    lost_plan(app)
    row = app.world.tables.get("runs", "job", "!schedule")
    row.values["last"] = "not a time"
    every_minute(app.engine)
    assert app.world.queues.total() == 1


def test_a_defect_in_one_half_of_a_minute_leaves_the_other_alone(app_with):
    app = app_with(scheduled())
    lost_plan(app)
    naive = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    app.world.tables.get("runs", "job", "!schedule").values["last"] = naive
    with pytest.raises(TypeError):
        every_minute(app.engine)
    assert app.world.queues.total() == 1


def test_an_hour_deletes_old_jobs_while_its_time_lasts(app_with):
    app = app_with(LINES)
    for number in range(9):
        app.upload(f"lines/{number}.txt", b"one\n")
    app.settle()
    jobs = app.world.batch.jobs
    assert len(jobs) == 9
    app.world.clock.advance(hours=30)
    app.hurry(timedelta(seconds=12), per_look=timedelta(seconds=1))
    assert 0 < reap(app.engine.begun()) < 9
    left = len(jobs)
    assert 0 < left < 9
    while jobs:
        reap(app.engine.begun())
