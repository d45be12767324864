"""What a task may reach, and until when: every expiry has an answer."""

from datetime import timedelta

import pytest

from pipeline.ports.batch import TaskSpec
from tests.fakes.batch import Outcome
from tests.fakes.node import FakeNode
from tests.unit.handlers.conftest import LINES, content_of

WEEKS = "limits: {run: 21d}\n"
DAYS = timedelta(days=7)


def guarded(app) -> list[TaskSpec]:
    """Let nodes refuse what has expired, as Batch's agent finds it; return what was executed."""
    seen: list[TaskSpec] = []
    node = FakeNode(app.world.blobs, app.world.clock, app.program)

    def execute(spec: TaskSpec) -> Outcome:
        seen.append(spec)
        if spec.access_until <= app.world.clock.now():
            return Outcome(None, "BlobAccessDenied", "usererror", "the signature has expired")
        return node(spec)

    app.execute = execute
    return seen


def test_a_task_that_waited_longer_than_its_signatures_last_is_submitted_anew(app_with):
    app = app_with(LINES + WEEKS)
    seen = guarded(app)
    app.upload("lines/a.txt", b"one\n")
    app.pump()  # the task waits in Batch
    app.world.clock.advance(DAYS)
    app.settle(patience=timedelta(days=2))
    run = app.only_run()
    assert (run.state, run.succeeded, len(seen)) == ("succeeded", 1, 2)
    first, second = seen
    assert first.access_until < app.world.clock.now() < second.access_until
    assert content_of(app, run)


def test_a_task_whose_signatures_expire_again_and_again_says_so(app_with):
    app = app_with(LINES + WEEKS)
    seen = guarded(app)
    app.upload("lines/a.txt", b"one\n")
    for _ in range(3):
        while app.pump():
            pass
        app.world.clock.advance(DAYS - timedelta(hours=1))
        app.run_tasks()
        app.world.clock.advance(timedelta(minutes=10))
        app.pass_time()
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, len(seen)) == ("failed", "download-failed", 3)
    assert "the signature has expired" in run.error


@pytest.mark.parametrize(("limit", "lasts"), [("1h", timedelta(hours=2)), ("21d", timedelta(6))])
def test_signatures_last_as_long_as_the_run_may_but_six_days_at_most(app_with, limit, lasts):
    app = app_with(LINES + f"limits: {{run: {limit}}}\n")
    seen = guarded(app)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    (spec,) = seen
    assert lasts <= spec.access_until - app.world.clock.now() + timedelta(hours=1)
    assert spec.access_until - app.world.clock.now() <= lasts + timedelta(hours=2)
