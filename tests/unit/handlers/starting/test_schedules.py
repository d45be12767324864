"""Schedules: each tick fires once; missed and overlapping ticks follow the schedule's rules."""

from datetime import UTC, datetime, timedelta

from pipeline.errors import Permanent
from pipeline.handlers.starting.tick import on_tick
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import BODY, PLAIN


def scheduled(rules=""):
    return f"""
trigger: {{schedule: {{cron: "0 */10 * * * *"{rules}}}}}
split: {{range: {{stop: 1, step: 1}}}}
{BODY}{PLAIN}"""


def at(minute, hour=10):
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC)


def ticks(app):
    return sorted(run.origin.at for run in app.all_runs())


def pass_minutes(app, count):
    for _ in range(count):
        app.world.clock.advance(minutes=1)
        on_tick(app.engine)
        while app.pump() + app.run_tasks():
            continue


def test_each_tick_starts_one_run(app_with):
    app = app_with(scheduled())
    on_tick(app.engine)
    pass_minutes(app, 25)
    assert ticks(app) == [at(10), at(20)]
    assert {run.state for run in app.all_runs()} == {"succeeded"}


def test_a_tick_that_is_looked_at_twice_starts_one_run(app_with):
    app = app_with(scheduled())
    on_tick(app.engine)
    app.world.clock.advance(minutes=10)
    before = app.world.tables.get("runs", "job", "!schedule")
    on_tick(app.engine)
    after = app.world.tables.get("runs", "job", "!schedule")
    assert (before.values["last"], after.values["last"]) == (at(0), at(10))
    on_tick(app.engine)
    assert ticks(app) == [at(10)]


def test_a_tick_starts_no_earlier_than_half_a_minute_before_its_time(app_with):
    app = app_with(scheduled())
    on_tick(app.engine)
    app.world.clock.advance(minutes=9, seconds=25)
    on_tick(app.engine)
    assert ticks(app) == []
    app.world.clock.advance(seconds=5)
    on_tick(app.engine)
    assert ticks(app) == [at(10)]


def test_of_what_was_missed_the_last_tick_is_caught_up(app_with):
    app = app_with(scheduled())
    on_tick(app.engine)
    app.world.clock.advance(minutes=45)
    on_tick(app.engine)
    assert ticks(app) == [at(40)]


def test_every_missed_tick_can_be_caught_up(app_with):
    app = app_with(scheduled(", catchup: all, overlap: allow"))
    on_tick(app.engine)
    app.world.clock.advance(minutes=45)
    on_tick(app.engine)
    assert ticks(app) == [at(10), at(20), at(30), at(40)]


def test_missed_ticks_can_be_dropped(app_with):
    app = app_with(scheduled(", catchup: none"))
    on_tick(app.engine)
    app.world.clock.advance(minutes=45)
    on_tick(app.engine)
    assert ticks(app) == []


def test_a_tick_is_skipped_while_the_previous_run_is_active(app_with):
    app = app_with(scheduled())
    on_tick(app.engine)
    for _ in range(25):
        app.world.clock.advance(minutes=1)
        on_tick(app.engine)
        app.pump()
    assert ticks(app) == [at(10)]
    app.settle(patience=timedelta())
    pass_minutes(app, 10)
    assert ticks(app) == [at(10), at(30)]


def test_a_tick_can_wait_for_the_run_before_it(app_with):
    app = app_with(scheduled(", overlap: queue"))
    on_tick(app.engine)
    for _ in range(25):
        app.world.clock.advance(minutes=1)
        on_tick(app.engine)
        app.pump()
    assert {run.origin.at: str(run.state) for run in app.all_runs()} == {
        at(10): "running",
        at(20): "waiting",
    }
    while app.run_tasks() + app.pump():
        continue
    assert {run.state for run in app.all_runs()} == {"succeeded"}


def test_a_tick_whose_start_was_interrupted_is_looked_at_again(app_with):
    app = app_with(scheduled())
    on_tick(app.engine)
    app.world.clock.advance(minutes=10)
    row = app.world.tables.get("runs", "job", "!schedule")
    on_tick(app.engine)
    app.lose("plan")  # the invocation died before it asked for the plan ...
    app.world.tables._partitions["runs", "job"]["!schedule"] = row  # ... and recorded the tick
    app.world.clock.advance(minutes=1)
    on_tick(app.engine)
    assert ticks(app) == [at(10)]
    assert app.lose("plan") == 1


def test_a_schedule_that_cannot_be_looked_at_stops_no_other(app_with):
    app = app_with(scheduled(), also={"another": scheduled()})
    on_tick(app.engine)
    app.world.clock.advance(minutes=10)
    broken = Injector(at=("tables", "get", 1), error=Permanent("that row is broken"))
    app.through(broken.ports(app.world.ports))
    on_tick(app.engine)
    assert len(app.all_runs()) == 1
