"""An invocation goes on with the steps that it asks for, while a third of its time lasts."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.runs.messages import Queue, Step
from pipeline.errors import Transient
from pipeline.handlers.collecting import receipts
from pipeline.handlers.doors import dispatch
from pipeline.handlers.onward import LONGEST
from tests.fakes.crash import Crash, Injector
from tests.unit.handlers.conftest import BLOB, LINES, PLAIN, content_of

PAGES = BLOB + PLAIN + "split: {range: {stop: 650, step: 1}}\n"


def event_of(app):
    (body,) = app.world.queues.bodies("blob-events")
    return body


def steps_of(app, *, visible):
    now = app.world.clock.now()
    kept = app.world.queues.kept(Queue.WORK)
    return [json.loads(m.body)["step"] for m in kept if (m.visible_at <= now) is visible]


def slow(app, port, verb, takes):
    """Let a verb take time."""
    real = getattr(getattr(app.world.ports, port), verb)

    def call(*args, **more):
        app.world.clock.advance(takes)
        return real(*args, **more)

    setattr(getattr(app.world, {"jobs": "batch"}.get(port, "blobs")), verb, call)


def test_an_upload_reaches_batch_in_the_invocation_of_its_event(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, event_of(app))
    assert app.only_run().state == "running"
    assert app.world.queues.bodies(Queue.WORK) == []


def test_the_last_receipt_leads_to_the_event_in_the_same_invocation(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    app.run_tasks()
    (first, _) = app.world.queues.kept(Queue.RECEIPTS)
    dispatch.handle(app.engine, Queue.RECEIPTS, first.body)
    assert [event["type"] for event in app.world.events.published] == ["fanfare.run.succeeded"]
    assert app.world.queues.bodies(Queue.WORK) == []


def test_a_run_whose_receipts_come_together_needs_two_invocations(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    handled = app.pump()
    app.run_tasks()
    handled += app._drain(Queue.RECEIPTS)
    assert (app.only_run().state, len(app.world.events.published)) == ("succeeded", 1)
    assert handled == 2
    assert app.world.queues.bodies(Queue.WORK) == []


def test_a_step_that_is_taken_on_has_a_hidden_message_until_it_is_done(app_with):
    app, seen = app_with(), []
    real = app.world.blobs.snapshot

    def snapshot(*args):
        seen.append((steps_of(app, visible=False), steps_of(app, visible=True)))
        return real(*args)

    app.world.blobs.snapshot = snapshot
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    assert seen == [(["plan"], [])]
    assert app.world.queues.bodies(Queue.WORK) == []


def test_an_invocation_that_dies_between_two_steps_loses_none(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    body = event_of(app)
    app.through(Injector(("writer", "snapshot", 1)).ports(app.world.ports))
    with pytest.raises(Crash):
        dispatch.handle(app.engine, Queue.BLOB_EVENTS, body)
    (message,) = app.world.queues.kept(Queue.BLOB_EVENTS)
    app.world.queues.forget(Queue.BLOB_EVENTS, message.id)
    assert steps_of(app, visible=False) == ["plan"]
    app.world.clock.advance(LONGEST)
    app.through(app.world.ports)
    app.settle(patience=timedelta(minutes=1))
    assert app.only_run().state == "succeeded"


def test_after_a_third_of_its_time_an_invocation_sends_the_next_step(app_with):
    app = app_with()
    app.engine = replace(app.engine, time_limit=timedelta(seconds=600))
    slow(app, "writer", "snapshot", timedelta(seconds=200))
    app.upload("lines/a.txt", b"one\n")
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, event_of(app))
    assert app.only_run().state == "planning"
    assert (steps_of(app, visible=True), steps_of(app, visible=False)) == (["plan"], [])


def test_steps_beyond_a_few_are_left_to_other_invocations_at_once(app_with):
    app, seen = app_with(PAGES), []
    real = app.world.batch.add

    def add(*args):
        seen.append(len(steps_of(app, visible=True)))
        return real(*args)

    app.world.batch.add = add
    app.upload("lines/a.txt", b"x")
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, event_of(app))
    assert seen == [3, 3, 3, 3]  # of seven pages, three wait for others from the beginning
    app.settle()
    assert app.only_run().succeeded == 650


def test_a_step_that_has_a_defect_is_counted_by_its_own_message(app_with):
    app, real = app_with(), None
    real = app.world.blobs.snapshot

    def broken(*_):
        raise TypeError("a defect")

    app.world.blobs.snapshot = broken
    app.upload("lines/a.txt", b"one\n")
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, event_of(app))
    assert (steps_of(app, visible=True), steps_of(app, visible=False)) == (["plan"], [])
    app.world.blobs.snapshot = real
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_step_that_fails_for_now_is_put_back_under_its_own_name(app_with):
    app = app_with()

    def busy(*_):
        raise Transient("503")

    app.world.blobs.snapshot = busy
    app.upload("lines/a.txt", b"one\n")
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, event_of(app))
    (body,) = map(json.loads, app.world.queues.bodies(Queue.WORK))
    assert (body["step"], body["tries"]) == ("plan", 1)


def test_a_message_that_is_delivered_again_does_one_step_alone(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, event_of(app), deliveries=2)
    assert app.only_run().state == "claimed"
    assert steps_of(app, visible=True) == ["plan"]


def test_a_hidden_message_that_cannot_be_deleted_repeats_its_step_and_no_more(app_with):
    app = app_with(LINES)
    real = app.world.queues.delete

    def refuse(queue, message):
        if queue == Queue.WORK and message.dequeue_count == 0:
            raise Transient("503")
        real(queue, message)

    app.world.queues.delete = refuse
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    assert (app.only_run().state, content_of(app, app.only_run())) == ("succeeded", b"0\n1\n")
    assert len({event["id"] for event in app.world.events.published}) == 1
    assert app.world.queues.total() == 0


def test_a_step_that_is_asked_for_twice_is_taken_on_once(app_with):
    app = app_with()
    engine, onward = app.engine.begun().going_on()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    for _ in range(3):
        engine.wake(Step.ASSEMBLE, app.only_run())
    assert steps_of(app, visible=False) == ["assemble"]
    assert onward.next() and onward.next() is None


def test_a_run_whose_tasks_are_over_does_not_wait_for_other_receipts(app_with, monkeypatch):
    monkeypatch.setattr(receipts, "DRAIN", 2)
    app = app_with()
    for name in ("a", "b"):
        app.upload(f"lines/{name}.txt", b"one\ntwo\n")
    app.pump()
    app.run_tasks()
    message = app.world.queues.receive(Queue.RECEIPTS, 1)[0]
    dispatch.handle(app.engine, Queue.RECEIPTS, message.body)
    app.world.queues.delete(Queue.RECEIPTS, message)
    assert sorted(run.state for run in app.all_runs()) == ["running", "succeeded"]
    assert app.world.queues.bodies(Queue.RECEIPTS)
