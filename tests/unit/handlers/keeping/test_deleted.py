"""A queue, the topic or the pool is deleted while runs go on, and is made again later."""

import pytest

from pipeline.domain.runs.messages import Queue
from pipeline.domain.waiting.reports import PoolReport
from pipeline.errors import NotFound
from pipeline.handlers.doors import timers
from pipeline.handlers.starting import lost_events
from tests.unit.handlers.conftest import content_of


def delete_queue(app, queue):
    app.world.queues._queues.pop(queue)


def time_passes(app, minutes=15):
    """Let the timer tick; what a queue that is not there loses is lost."""
    for _ in range(minutes):
        app.world.clock.advance(minutes=1)
        timers.every_minute(app.engine)


def test_a_step_in_hand_when_its_queue_is_deleted_ends_no_run(app_with):
    app = app_with()
    app.hops = True
    app.upload("lines/a.txt", b"one\n")
    app.claim()
    (message,) = app.world.queues.receive(Queue.WORK, 1)
    delete_queue(app, Queue.WORK)
    assert not app.survive(lambda: app.invoke(Queue.WORK, message))
    time_passes(app)
    app.world.queues.create(Queue.WORK)
    app.settle()
    assert (app.only_run().state, content_of(app, app.only_run())) == ("succeeded", b"0\n")


@pytest.mark.parametrize("queue", [Queue.WORK, Queue.RECEIPTS])
def test_a_queue_that_is_deleted_and_made_again_costs_no_run(app_with, queue):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    kept = app.loses
    app.loses = lambda event: queue == Queue.RECEIPTS  # Event Grid cannot deliver
    app.run_tasks()
    delete_queue(app, queue)
    for other in {Queue.WORK, Queue.RECEIPTS, Queue.BLOB_EVENTS} - {queue}:
        while app.take(other):
            continue
    time_passes(app)
    app.world.queues.create(queue)
    app.loses = kept
    app.settle()
    assert app.only_run().state == "succeeded"
    assert len(app.world.events.published) == 1


def test_blobs_whose_events_were_in_a_deleted_queue_start_within_hours(app_with):
    app = app_with()
    timers.every_minute(app.engine)  # the pipeline is known from now on
    app.world.clock.advance(minutes=1)
    app.upload("lines/a.txt", b"one\n")
    delete_queue(app, Queue.BLOB_EVENTS)
    app.world.queues.create(Queue.BLOB_EVENTS)
    app.world.clock.advance(hours=3)
    lost_events.sweep_events(app.engine)
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_completion_event_waits_until_its_topic_is_there_again(app_with):
    app = app_with()
    topic = app.world.events.publish

    def gone(_event):
        raise NotFound("publish an event: 404")

    app.world.events.publish = gone
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.run_tasks()
    app.pump()
    time_passes(app, 60)
    app.pump()
    assert (app.only_run().state, app.world.events.published) == ("succeeded", [])
    app.world.events.publish = topic
    time_passes(app)
    app.settle()
    assert len(app.world.events.published) == 1


def test_a_run_waits_half_an_hour_for_a_deleted_pool(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    (name,) = app.world.batch.pools
    pool = app.world.batch.pools.pop(name)
    app.world.batch.pools[name] = PoolReport("")
    for _ in range(25):
        app.world.clock.advance(minutes=1)
        timers.every_minute(app.engine)
        app.pump()
    assert app.only_run().obstacle.code == "pool-missing"
    app.world.batch.pools[name] = pool
    app.settle()
    assert app.only_run().state == "succeeded"
