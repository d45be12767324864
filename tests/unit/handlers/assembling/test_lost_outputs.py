"""Of a run that lost the outputs of very many tasks, all are executed anew in one round."""

import pytest

from pipeline.handlers.collecting import gather
from tests.unit.handlers.conftest import LINES, content_of
from tests.unit.handlers.nodes import losing, scripted

TASKS = 7


@pytest.fixture
def app(app_with, monkeypatch):
    """Return an app all of whose tasks lose their first outputs; two of a kind are noted."""
    monkeypatch.setattr(gather, "MOST", 2)
    app = app_with(LINES)
    lost = losing(app, "o-")
    scripted(app, {f"t{number:06}": [lost] for number in range(TASKS)})
    app.upload("lines/a.txt", b"line\n" * TASKS)
    app.pump()
    app.run_tasks()
    return app


def test_more_lost_tasks_than_are_noted_do_not_wait_for_each_other(app):
    for _ in range(20):
        app.pump()
        app.pass_time()
        if app.world.batch.active(app.only_run().job + "-r1"):
            break
    app.pump()
    again = f"{app.only_run().job}-r1"
    assert len(app.world.batch.active(again)) == TASKS
    app.settle()
    run = app.only_run()
    assert (run.state, run.executions) == ("succeeded", 1)
    assert content_of(app, run) == b"".join(b"%d\n" % number for number in range(TASKS))
