"""When the minute timer has stopped, any invocation that notices does its work, once."""

import json
from datetime import timedelta

import pytest

from pipeline.domain.runs.messages import Queue
from pipeline.errors import Conflict, Transient
from pipeline.handlers.doors import dispatch, timers
from pipeline.handlers.onward import LastLook
from pipeline.ledger import watermarks
from tests.fakes.crash import Injector
from tests.unit.handlers.starting.test_schedules import scheduled

OTHER = json.dumps({"eventType": "Microsoft.Storage.BlobDeleted"})
MINUTES = timedelta(minutes=4)


def another_event(app):
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, OTHER)


def calls(app, action):
    """Return the calls that an action makes."""
    injector = Injector()
    app.through(injector.ports(app.world.ports))
    action()
    app.through(app.world.ports)
    return [f"{call.port}.{call.verb}" for call in injector.trace]


@pytest.fixture
def app(app_with):
    """Make an app with a schedule, whose timer has just ticked."""
    made = app_with(scheduled())
    timers.every_minute(made.engine)
    return made


def test_while_the_timer_ticks_an_invocation_reads_one_row_a_minute(app):
    assert calls(app, lambda: another_event(app)) == ["tables.get"]
    assert calls(app, lambda: another_event(app)) == []
    app.world.clock.advance(minutes=1)
    timers.note(app.engine)
    assert calls(app, lambda: another_event(app)) == ["tables.get"]


def test_an_invocation_that_finds_no_tick_for_three_minutes_does_its_work(app, caplog):
    app.world.clock.advance(minutes=10)
    another_event(app)
    assert "Timer has stopped: this invocation does its tick" in caplog.messages
    assert len(app.all_runs()) == 1
    app.settle(patience=timedelta(minutes=1))
    assert app.only_run().state == "succeeded"


def test_a_request_asks_others_to_do_the_tick(app):
    app.world.clock.advance(minutes=10)
    timers.look(app.engine)
    assert [json.loads(b)["step"] for b in app.world.queues.bodies(Queue.WORK)] == ["tick"]
    app.pump()
    assert len(app.all_runs()) == 1


def test_of_many_processes_one_does_the_tick(app, caplog):
    app.world.clock.advance(MINUTES)
    seen = watermarks.last_tick(app.world.tables)
    for _ in range(5):
        app.engine.looked.at = None  # another process
        another_event(app)
    assert caplog.messages.count("Timer has stopped: this invocation does its tick") == 1
    with pytest.raises(Conflict):
        watermarks.claim_tick(app.world.tables, seen, app.world.clock.now())


def test_who_looked_at_the_same_time_and_came_second_does_nothing(app):
    app.world.clock.advance(MINUTES)
    real = app.world.tables.get

    def get(*args):
        row = real(*args)
        app.world.tables.get = real
        watermarks.claim_tick(
            app.world.tables, watermarks.last_tick(app.world.tables), app.world.clock.now()
        )
        return row

    app.world.tables.get = get
    timers.look(app.engine)
    assert app.world.queues.total() == 0


def test_the_first_invocation_of_a_new_deployment_begins_the_count(app_with):
    app = app_with(scheduled())
    timers.look(app.engine)
    assert app.world.queues.total() == 0
    app.world.clock.advance(MINUTES)
    timers.look(app.engine)
    assert app.world.queues.total() == 1


def test_a_table_that_does_not_answer_keeps_no_message_from_its_handler(app_with):
    app = app_with()
    broken = Injector(("tables", "get", 1), error=Transient("503"))
    app.through(broken.ports(app.world.ports))
    another_event(app)
    assert app.world.queues.total() == 0


def test_columns_that_a_later_release_adds_to_the_row_stay(app):
    row = app.world.tables.get("runs", "!ticks", "minute")
    row.values["later"] = "kept"
    timers.note(app.engine)
    app.world.clock.advance(MINUTES)
    app.engine.looked.at = LastLook().at
    timers.look(app.engine)
    assert app.world.tables.get("runs", "!ticks", "minute").values["later"] == "kept"


def test_a_stopped_timer_costs_schedules_no_tick_while_others_are_called(app):
    for _ in range(33):
        app.world.clock.advance(minutes=1)
        another_event(app)
        while app.pump() + app.run_tasks():
            continue
    assert len(app.all_runs()) == 3
