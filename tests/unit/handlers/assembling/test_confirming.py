"""A receipt counts only if Batch says nothing else of its task."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from pipeline.handlers.collecting import gather
from pipeline.handlers.ending import steer
from pipeline.ports.batch import TaskSpec
from tests.fakes.app import FakeApp
from tests.fakes.batch import Execute, NodeLost, Outcome
from tests.fakes.node import FakeNode
from tests.unit.handlers.conftest import PROGRAMS, content_of
from tests.unit.handlers.nodes import scripted
from tests.unit.handlers.running.test_stages import work as stages


def forging(app: FakeApp, content: bytes = b"forged\n") -> Execute:
    """Leave a receipt as a program may write it that killed its runner: the task ended with 137."""
    node = FakeNode(app.world.blobs, app.world.clock, lambda _item: [("part.txt", content)])

    def execute(spec: TaskSpec) -> Outcome:
        node(spec)
        return Outcome(137, "FailureExitCode", "usererror", "The task exited with an exit code")

    return execute


def ending(app: FakeApp, outcome: Outcome) -> Execute:
    """Run the task as ever, and let Batch say something else of its end."""
    node = FakeNode(app.world.blobs, app.world.clock, app.program)
    return lambda spec: (node(spec), outcome)[1]


def started(app_with: Callable[..., FakeApp]) -> FakeApp:
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    return app


def test_a_receipt_of_a_task_that_exited_otherwise_does_not_count(app_with):
    app = started(app_with)
    ran = scripted(app, {"t000000": [forging(app)]})
    app.settle()
    assert (app.only_run().state, ran["t000000"]) == ("succeeded", 2)
    assert b"forged" not in content_of(app, app.only_run())


def test_a_task_that_does_so_again_fails_in_the_words_of_batch(app_with):
    app = started(app_with)
    scripted(app, {"t000000": [forging(app), forging(app)]})
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, run.failed) == ("failed", "receipt-invalid", 1)
    assert "by Batch it ended with 137: FailureExitCode" in run.error


def test_a_redrive_does_not_rely_on_a_receipt_that_batch_contradicted(app_with):
    app = started(app_with)
    ran = scripted(app, {"t000000": [forging(app), forging(app)]})
    app.settle()
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    assert (app.only_run().state, ran["t000000"]) == ("succeeded", 3)
    assert b"forged" not in content_of(app, app.only_run())


def test_a_redrive_relies_on_no_such_receipt_however_many_there_are(app_with, monkeypatch):
    monkeypatch.setattr(gather, "MOST", 2)
    app = app_with()
    app.upload("lines/a.txt", b"line\n" * 5)
    ran = scripted(app, {f"t{n:06d}": [forging(app), forging(app)] for n in range(5)})
    app.settle()
    run = app.only_run()
    assert (run.state, run.failed) == ("failed", 5)
    steer.redrive(app.engine, run.id)
    app.settle()
    assert (app.only_run().state, set(ran.values())) == ("succeeded", {3})
    assert b"forged" not in content_of(app, app.only_run())


@pytest.mark.parametrize("stage", ["split", "assemble"])
def test_a_stage_that_exited_otherwise_is_executed_anew(app_with, stage):
    app = app_with(PROGRAMS, program=stages)
    app.upload("lines/a.txt", b"one\n")
    ran = scripted(app, {stage: [forging(app)]})
    app.settle()
    assert (app.only_run().state, ran[stage]) == ("succeeded", 2)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(0, "FileUploadMiscError", "servererror", "a log was not uploaded"),
        Outcome(None, "NodeLost", "servererror", "the node went after the upload"),
        Outcome(None, "TaskEnded", "servererror", "the time was up"),
    ],
)
def test_what_went_wrong_around_the_program_takes_no_receipt_away(app_with, outcome):
    app = started(app_with)
    ran = scripted(app, {"t000000": [ending(app, outcome)]})
    app.settle()
    assert (app.only_run().state, ran["t000000"]) == ("succeeded", 1)


def requeued(app: FakeApp) -> Execute:
    """Run the task and lose its node before Batch has noted the end."""
    node = FakeNode(app.world.blobs, app.world.clock, app.program)

    def execute(spec: TaskSpec) -> Outcome:
        node(spec)
        raise NodeLost

    return execute


def test_a_verdict_waits_until_batch_has_completed_the_task(app_with):
    app = started(app_with)
    scripted(app, {"t000000": [requeued(app)]})
    app.pump()
    app.run_tasks()
    app.pump()
    assert app.only_run().state == "assembling"
    app.run_tasks()  # Batch executes it once more
    app.settle(patience=timedelta(minutes=10))
    assert app.only_run().state == "succeeded"


def test_a_task_that_stays_open_keeps_its_run_no_longer_than_the_patience(app_with):
    app = started(app_with)
    scripted(app, {"t000000": [requeued(app)]})
    app.pump()
    app.run_tasks()
    app.run_tasks = lambda: 0  # no node takes it
    app.settle()
    assert app.only_run().state == "succeeded"


def test_batch_is_asked_once_for_each_job_and_not_for_each_task(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"x\n" * 500)
    asked = []
    real = app.world.batch.unconfirmed
    app.world.batch.unconfirmed = lambda job: asked.append(job) or real(job)
    app.settle()
    run = app.only_run()
    assert run.succeeded == 500
    assert asked == [run.job]
