"""One call takes all receipts that wait, and holds only a few results at a time."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from pipeline.domain.runs.messages import Queue
from pipeline.handlers.collecting import receipts
from pipeline.handlers.doors import dispatch
from pipeline.ledger import progress, tasks
from tests.unit.handlers.conftest import LINES

TASKS = 25


@pytest.fixture
def app(app_with, monkeypatch):
    """An app whose tasks have run; their receipts wait in the queue."""
    monkeypatch.setattr(receipts, "DRAIN", 10)
    app = app_with(LINES)
    app.upload("lines/a.txt", b"line\n" * TASKS)
    app.pump()
    app.run_tasks()
    return app


def ring(app) -> int:
    """Handle one receipt's message as the host does; return how many tasks are done."""
    (message,) = app.world.queues.receive(Queue.RECEIPTS, 1)
    dispatch.handle(app.engine, Queue.RECEIPTS, message.body)
    app.world.queues.delete(Queue.RECEIPTS, message)
    run = app.only_run()
    return progress.union(app.world.tables, run.id, 1, "tasks").count()


def test_one_call_goes_on_until_no_receipt_waits(app):
    assert ring(app) == TASKS


def test_a_call_whose_time_is_up_leaves_the_rest_to_others(app):
    app.hurry(timedelta(seconds=3), per_look=timedelta(seconds=1))
    assert ring(app) == 11, "its own, and ten more"
    assert app.world.queues.receive(Queue.RECEIPTS, 1)


def test_results_are_recorded_in_portions_and_counted_once(app, monkeypatch):
    monkeypatch.setattr(receipts, "_AT_ONCE", 3)
    portions = []
    finish = tasks.finish

    def noting(tables, run, generation, results):
        portions.append(len(results))
        return finish(tables, run, generation, results)

    monkeypatch.setattr(tasks, "finish", noting)
    assert ring(app) == TASKS
    assert max(portions) == 3


def test_all_calls_of_a_process_together_hold_a_few_portions(app, monkeypatch):
    """Every instance of Functions has 18 messages in hand, and results take most of its memory."""
    monkeypatch.setattr(receipts, "_AT_ONCE", 1)
    monkeypatch.setattr(receipts, "DRAIN", 1)
    held, most, finish = [], [], tasks.finish

    def slow(tables, run, generation, results):
        held.append(1)
        most.append(len(held))
        time.sleep(0.01)  # others would come meanwhile
        held.pop()
        return finish(tables, run, generation, results)

    monkeypatch.setattr(tasks, "finish", slow)
    with ThreadPoolExecutor(TASKS) as pool:
        messages = app.world.queues.receive(Queue.RECEIPTS, TASKS)
        handle = partial(dispatch.handle, app.engine, Queue.RECEIPTS)
        list(pool.map(handle, [message.body for message in messages]))
    assert len(most) == TASKS
    assert 1 < max(most) <= 4


def test_the_time_is_looked_at_within_what_was_taken(app, monkeypatch):
    monkeypatch.setattr(receipts, "_AT_ONCE", 3)
    monkeypatch.setattr(receipts, "DRAIN", 100)
    app.hurry(timedelta(seconds=9), per_look=timedelta(seconds=1))
    counted = ring(app)
    assert 0 < counted < TASKS
    left = app.world.queues.bodies(Queue.RECEIPTS)
    assert len(left) == TASKS - counted, "others take them at once"
    assert not any("tries" in body for body in left), "it was no failure"
    app.settle()
    assert app.only_run().state == "succeeded"


def test_the_time_is_looked_at_between_the_receipts_of_two_runs(app_with):
    app = app_with(LINES)
    for number in range(TASKS):
        app.upload(f"lines/{number}.txt", b"line\n")
    app.pump()
    app.run_tasks()
    app.hurry(timedelta(seconds=30), per_look=timedelta(seconds=1))
    (message,) = app.world.queues.receive(Queue.RECEIPTS, 1)
    dispatch.handle(app.engine, Queue.RECEIPTS, message.body)
    app.world.queues.delete(Queue.RECEIPTS, message)
    assert 0 < len(app.world.queues.bodies(Queue.RECEIPTS)) < TASKS - 1
    app.settle()
    assert {run.state for run in app.all_runs()} == {"succeeded"}
