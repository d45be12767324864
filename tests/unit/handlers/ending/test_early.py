"""A large run that ends early gets its verdict once its items are counted, in slices."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.runs.messages import Queue, RunMessage, Step
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Permanent, Transient
from pipeline.handlers.collecting import indexing
from pipeline.handlers.doors import poison
from pipeline.handlers.ending import steer
from pipeline.handlers.mending import sweep
from pipeline.ledger import runs
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import Busy, LongStep
from tests.unit.handlers.conftest import BLOB

ITEMS = 24
LIMIT, A_LOOK = timedelta(seconds=30), timedelta(seconds=1)
RANGE = BLOB + (
    "split: {range: {stop: 24, step: 1}}\nbundle: {items: 2, pack: false}\n"
    "assemble: {concatenate: {format: text, name: all.txt}}\nlimits: {run: 1h}\n"
)


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Let every run be large."""
    monkeypatch.setattr(indexing, "FEW", 5)


@pytest.fixture
def app(app_with):
    """Return an app whose run has ended ten of its twelve tasks; invocations count a few."""
    app = app_with(RANGE)
    app.hurry(LIMIT, A_LOOK)
    app.upload("lines/a.txt", b"x")
    while app.pump():
        pass
    (job,) = app.world.batch.jobs
    for task in list(app.world.batch.active(job))[:10]:
        app.world.batch.run_task(job, task, app.world.node(app.program))
    while app.pump():
        pass
    assert app.only_run().state == "running"
    return app


def step_of(app):
    return LongStep.of(app.only_run(), "early-end")


def turn(app):
    return slices.read(app.world.tables, step_of(app)).turn


def ended(app):
    run = app.only_run()
    return run.state, run.cause, run.succeeded, run.failed


CANCELLED = ("cancelled", "cancelled", 20, 4)


def test_a_cancelled_run_is_counted_in_slices(app):
    assert steer.cancel(app.engine, app.only_run().id).state == "cancelling"
    app.settle()
    assert ended(app) == CANCELLED
    assert turn(app) > 4
    event = app.world.events.published[-1]
    missing = event["data"]["missing"]
    assert [(one["item"], one["cause"]) for one in missing] == [
        (item, "cancelled") for item in range(20, ITEMS)
    ]


def test_a_run_that_reached_its_time_limit_is_counted_in_slices(app):
    app.world.clock.advance(timedelta(hours=2))
    sweep.sweep(app.engine)
    assert app.only_run().state == "running"
    app.settle()
    assert ended(app) == ("failed", "run-timed-out", 20, 4)
    assert "reached its time limit" in app.only_run().error


def test_a_cancellation_is_heard_while_a_failure_is_counted(app):
    app.world.clock.advance(timedelta(hours=2))
    sweep.sweep(app.engine)
    app.take("work")
    assert app.only_run().state == "running"
    steer.cancel(app.engine, app.only_run().id)
    app.settle()
    assert ended(app) == CANCELLED


def test_the_sweep_asks_again_for_a_count_whose_messages_were_lost(app):
    app.world.clock.advance(timedelta(hours=2))
    sweep.sweep(app.engine)
    assert app.lose("assemble")
    app.settle()
    assert ended(app)[:2] == ("failed", "run-timed-out")


def test_a_count_that_was_harmed_begins_anew(app):
    steer.cancel(app.engine, app.only_run().id)
    app.take("work")
    found = [name for name in app.world.blobs.names("engine") if "/gathered/" in name]
    for name in found:
        app.world.blobs.write(BlobRef("engine", name), b"{}")
    assert found
    app.settle()
    assert ended(app) == CANCELLED


def test_one_instance_at_a_time_counts(app):
    steer.cancel(app.engine, app.only_run().id)
    taken = slices.take(app.world.tables, step_of(app), "other", app.engine.now)
    assert not isinstance(taken, Busy)
    app.pump()
    cursor = slices.read(app.world.tables, step_of(app))
    assert (cursor.owner, cursor.turn) == ("other", taken.turn)
    assert app.only_run().state == "cancelling"
    app.world.clock.advance(timedelta(minutes=2))
    app.settle()
    assert ended(app) == CANCELLED


def test_a_count_of_a_failure_does_not_end_a_run_that_is_being_committed(app):
    app.world.clock.advance(timedelta(hours=2))
    sweep.sweep(app.engine)
    held = runs.need(app.world.tables, app.only_run().id)
    now, token = app.engine.now, app.engine.token()
    for state in ("assembling", "committing"):
        held = runs.move(app.world.tables, held, held.run.to(state, now, token))
    app.settle()
    assert ended(app)[:2] == ("failed", "output-unusable"), "nothing was chosen"


def refused(app, error, after=0):
    """Let nothing that is counted be kept, after so many slices."""
    real, kept = app.engine.ports.writer, []

    class Refusing:
        def __getattr__(self, verb):
            return getattr(real, verb)

        def write(self, ref, *args, **more):
            if "/gathered/" in ref.name:
                kept.append(ref)
                if len(kept) > after:
                    raise error
            return real.write(ref, *args, **more)

    app.through(replace(app.engine.ports, writer=Refusing()))


REFUSALS = [Permanent("The container is immutable."), Transient("503")]


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
def test_a_cancelled_run_that_cannot_be_counted_ends_and_says_so(app, error):
    refused(app, error)
    steer.cancel(app.engine, app.only_run().id)
    app.settle()
    assert ended(app) == ("cancelled", "cancelled", 0, ITEMS)
    why = app.only_run().error
    assert why.startswith("Cancelled on request. Not all of its items could be counted")
    assert str(error) in why
    assert len(app.world.events.published) == 1


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
def test_a_failure_that_cannot_be_counted_any_further_has_what_was_counted(app, error):
    refused(app, error, after=2)
    app.world.clock.advance(timedelta(hours=2))
    sweep.sweep(app.engine)
    app.settle()
    state, cause, succeeded, failed = ended(app)
    assert (state, cause) == ("failed", "run-timed-out")
    assert 0 < succeeded < 20
    assert succeeded + failed == ITEMS
    assert "could be counted" in app.only_run().error


def test_a_count_that_nobody_began_is_not_given_up(app):
    run = app.only_run()
    message = RunMessage(step=Step.ASSEMBLE, run=run.id, generation=run.generation)
    for _ in range(2):
        poison.give_up(app.engine, Queue.WORK, message, "503")
    assert app.only_run().state == "running"
    app.settle()
    assert ended(app) == ("failed", "poisoned", 20, 4)


def test_a_count_of_another_instance_is_not_given_up(app):
    steer.cancel(app.engine, app.only_run().id)
    app.take("work")
    slices.take(app.world.tables, step_of(app), "other", app.engine.now)
    run = app.only_run()
    message = RunMessage(step=Step.ASSEMBLE, run=run.id, generation=run.generation)
    poison.give_up(app.engine, Queue.WORK, message, "503")
    assert app.only_run().state == "cancelling"
    app.settle()
    assert ended(app) == CANCELLED
