"""The sweep reads the poison queues, and empties those of the release before."""

import json
from datetime import timedelta

import pytest

from pipeline.domain.runs.messages import RETIRED, Queue, Step, poison_of
from pipeline.errors import Transient
from pipeline.handlers.doors import poison, timers
from tests.unit.handlers.conftest import content_of


def given_up(app, queue, body):
    app.world.queues.send(queue.poison, body)


def test_a_tick_sends_what_the_host_gave_up_once_more(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    (message,) = app.world.queues.kept(Queue.BLOB_EVENTS)
    app.world.queues.forget(Queue.BLOB_EVENTS, message.id)
    given_up(app, Queue.BLOB_EVENTS, message.body)
    timers.every_minute(app.engine)
    assert app.world.queues.bodies(Queue.BLOB_EVENTS.poison) == []
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_sweep_reads_a_bounded_number_of_each_poison_queue(app_with):
    app = app_with()
    for queue in Queue:
        for _ in range(poison.MOST + 10):
            given_up(app, queue, "nonsense")
    poison.read_all(app.engine)
    assert [len(app.world.queues.bodies(queue.poison)) for queue in Queue] == [10, 10, 10]
    poison.read_all(app.engine)
    assert app.world.queues.total() == 0


def test_a_queue_that_cannot_be_read_keeps_the_others_from_nothing(app_with):
    app = app_with()
    for queue in Queue:
        given_up(app, queue, "nonsense")
    real = app.world.queues.receive

    def receive(queue, limit):
        if queue == Queue.BLOB_EVENTS.poison:
            raise Transient("503")
        return real(queue, limit)

    app.world.queues.receive = receive
    poison.read_all(app.engine)
    assert app.world.queues.total() == 1


def of_release_0_1_0(app, step):
    """Put the message that asks for a step where release 0.1.0 puts it."""
    (kept,) = [
        message
        for message in app.world.queues.kept(Queue.WORK)
        if json.loads(message.body)["step"] == step
    ]
    body = {name: value for name, value in json.loads(kept.body).items() if name != "step"}
    app.world.queues.forget(Queue.WORK, kept.id)
    app.world.queues.send(step, json.dumps(body))


@pytest.mark.parametrize("step", RETIRED)
def test_a_tick_goes_on_with_what_the_release_before_has_sent(app_with, step):
    app = app_with()
    app.hops = True
    app.upload("lines/a.txt", b"one\n")
    while step not in [json.loads(body)["step"] for body in app.world.queues.bodies(Queue.WORK)]:
        app.take(Queue.BLOB_EVENTS) or app.take(Queue.WORK) or app.take(Queue.RECEIPTS)
        app.run_tasks()
    of_release_0_1_0(app, step)
    app.pump()
    assert app.world.events.published == []
    timers.every_minute(app.engine)
    while app.pump() + app.run_tasks():
        continue
    assert app.world.queues.bodies(step) == []
    assert content_of(app, app.only_run()) == b"0\n"
    assert len(app.world.events.published) == 1


def test_what_the_host_of_the_release_before_gave_up_is_sent_again_too(app_with):
    app = app_with()
    app.hops = True
    app.upload("lines/a.txt", b"one\n")
    app.claim()
    of_release_0_1_0(app, Step.PLAN)
    (message,) = app.world.queues.receive(Step.PLAN, 1)
    app.world.queues.delete(Step.PLAN, message)
    app.world.queues.send(poison_of(Step.PLAN), message.body)
    timers.every_minute(app.engine)
    assert app.world.queues.bodies(poison_of(Step.PLAN)) == []
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_deployment_that_never_had_the_retired_queues_needs_none(app_with):
    app = app_with()
    for step in RETIRED:
        del app.world.queues._queues[step], app.world.queues._queues[poison_of(step)]
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    timers.every_minute(app.engine)
    app.run_tasks()
    app.pump()
    assert app.only_run().state == "succeeded"


def test_without_active_runs_nobody_asks_for_the_retired_queues(app_with):
    app, asked = app_with(), []
    real = app.world.queues.receive
    app.world.queues.receive = lambda queue, limit: (asked.append(queue), real(queue, limit))[1]
    timers.every_minute(app.engine)
    assert asked == [queue.poison for queue in Queue]


def test_a_message_of_a_retired_queue_that_is_malformed_is_dropped(app_with, caplog):
    app = app_with()
    app.world.queues.send(Step.PLAN, "nonsense")
    poison.empty_retired(app.engine)
    assert app.world.queues.bodies(Step.PLAN) == app.world.queues.bodies(Queue.WORK) == []
    assert "Dropped an unrecognised message" in caplog.messages


def test_a_tick_whose_time_is_up_leaves_the_rest_to_the_next_one(app_with):
    app = app_with()
    for number in range(9):
        body = f'{{"step":"assemble","run":"job-{number:020}","generation":1}}'
        app.world.queues.send(Queue.WORK.poison, body)
    app.hurry(timedelta(seconds=6), per_look=timedelta(seconds=1))
    poison.read_all(app.engine.begun())
    assert 0 < len(app.world.queues.kept(Queue.WORK.poison)) < 9
