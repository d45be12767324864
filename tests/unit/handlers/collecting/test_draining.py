"""One call takes all receipts that wait, and holds only a few results at a time."""

from datetime import timedelta

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
