"""Services that refuse for a while, malformed messages, runs that take too long."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.runs.messages import Queue, Step
from pipeline.errors import Transient
from pipeline.handlers.assembling import copying
from pipeline.handlers.doors import dispatch, http, poison
from pipeline.handlers.engine import DefinitionUnreadable
from pipeline.handlers.mending import sweep
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import LINES, PROGRAMS


def refusing(app, port, verb, until):
    """Make a verb answer 503 until a time."""
    real = getattr(app.world.ports, port)

    class Refusing:
        def __getattr__(self, name):
            if name == verb and app.world.clock.now() < until:
                raise Transient("503: the service is busy")
            return getattr(real, name)

    app.through(replace(app.world.ports, **{port: Refusing()}))


VERBS = [
    ("jobs", "create"),
    ("jobs", "add"),
    ("jobs", "close"),
    ("cluster", "job"),
    ("cluster", "push_formula"),
    ("tables", "transact"),
    ("blobs", "read"),
    ("blobs", "list"),
    ("writer", "snapshot"),
    ("writer", "copy"),
    ("events", "publish"),
]


@pytest.mark.parametrize(("port", "verb"), VERBS)
def test_a_service_that_is_busy_for_a_quarter_of_an_hour_only_delays(
    app_with, monkeypatch, port, verb
):
    monkeypatch.setattr(copying, "SMALL", 0 if verb == "copy" else copying.SMALL)
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    refusing(app, port, verb, app.world.clock.now() + timedelta(minutes=15))
    app.settle()
    assert app.only_run().state == "succeeded"
    assert len({event["id"] for event in app.world.events.published}) == 1


def test_batch_that_refuses_to_end_jobs_does_not_delay_the_verdict(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    refusing(app, "jobs", "terminate", app.world.clock.now() + timedelta(hours=8))
    app.world.clock.advance(hours=7)
    sweep.sweep(app.engine)
    assert app.only_run().cause == "run-timed-out"
    app.pump()
    assert [event["type"] for event in app.world.events.published] == ["fanfare.run.failed"]
    app.settle()
    assert {job.state for job in app.world.batch.jobs.values()} == {"completed"}


def test_a_message_is_put_back_with_growing_delay_until_the_retry_limit(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    refusing(app, "jobs", "create", app.world.clock.now() + timedelta(days=9))
    app.hops, delays = True, []
    while not app.all_runs() or not app.only_run().over:
        app.take("blob-events")
        app.take("work")
        visible = app.world.queues.next_visible("work")
        if visible and visible > app.world.clock.now():
            delays.append((visible - app.world.clock.now()).total_seconds())
            app.world.clock.advance(visible - app.world.clock.now())
    assert delays[:4] == [0.25, 0.5, 1.0, 2.0]
    assert (max(delays), len(delays)) == (30.0, 60)
    assert app.only_run().cause == "poisoned"
    assert "503: the service is busy" in app.only_run().error


@pytest.mark.parametrize("hops", [False, True])
@pytest.mark.parametrize("queue", ["plan", "submit", "assemble"])
def test_a_step_that_always_crashes_ends_the_run_through_the_poison_queue(app_with, queue, hops):
    verbs = {
        "plan": ("writer", "snapshot"),
        "submit": ("jobs", "add"),
        "assemble": ("writer", "upload"),
    }
    app = app_with()
    app.hops = hops
    port, verb = verbs[queue]

    class Always(Injector):
        def call(self, called, name, made):
            if (called, name) == (port, verb):
                raise self.error
            return made()

    app.through(Always().ports(app.world.ports))
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "poisoned")
    assert f"'{queue}'" in run.error


@pytest.mark.parametrize("queue", Queue)
def test_a_malformed_message_goes_to_the_poison_queue(app_with, queue):
    app = app_with()
    for body in ("", "nonsense", "null", "3", "[" * 40_000, '{"event": 3, "run": 3}'):
        dispatch.handle(app.engine, queue, body)
    assert len(app.world.queues.bodies(queue.poison)) == 6
    app.settle()
    assert (app.all_runs(), app.world.queues.total()) == ([], 0)


def test_a_poison_message_stays_while_storage_refuses_to_end_its_run(app_with, caplog):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    refusing(app, "tables", "transact", app.world.clock.now() + timedelta(minutes=9))
    run = app.only_run().id
    body = f'{{"step":"assemble","run":"{run}","generation":1,"tries":40}}'
    app.world.queues.send(Queue.WORK.poison, body)
    poison.read_all(app.engine)
    given_up, put_off = caplog.records[-2:]
    assert (given_up.levelname, given_up.run) == ("ERROR", f"'{run}'")
    assert "the next sweep does it again" in put_off.message
    assert (put_off.unit, put_off.queue) == ("poison", "work-poison")
    assert app.world.queues.bodies(Queue.WORK.poison) == [body]
    app.world.clock.advance(minutes=10)
    poison.read_all(app.engine)
    app.pump()
    assert (app.only_run().cause, app.world.queues.total()) == ("poisoned", 0)


@pytest.mark.parametrize("step", Step)
def test_a_message_about_a_run_that_does_not_exist_is_dropped(app_with, step):
    more = {"submit": {"digest": "x", "page": 0}, "announce": {"event": "x"}}
    app = app_with()
    about = {"step": step, "run": "job-00000000000000000000", "generation": 1}
    body = json.dumps(about | more.get(step, {}))
    dispatch.handle(app.engine, Queue.WORK, body)
    poison.on_poison(app.engine, Queue.WORK, body)
    assert app.world.queues.total() == 0


@pytest.mark.parametrize("text", [LINES, PROGRAMS])
def test_a_run_that_takes_too_long_is_ended_counted_and_announced(app_with, text):
    app = app_with(text + "limits: {run: 1h, task: 30m}\n")
    app.hops = True
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    (job,) = app.world.batch.jobs
    app.world.batch.run_task(job, app.world.batch.active(job)[0], app.world.node(app.program))
    app.pump()
    app.world.clock.advance(hours=1, minutes=1)
    sweep.sweep(app.engine)
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "run-timed-out")
    assert "time limit (2026-11-23 11:00:00 UTC)" in run.error
    assert (run.node_seconds, run.cost, run.currency) == (0.5, 0.00005, "USD")
    assert run.succeeded == (1 if text is LINES else 0)
    app.settle()
    assert {job.state for job in app.world.batch.jobs.values()} == {"completed"}


def test_a_run_that_is_being_cancelled_ends_as_cancelled_even_past_its_limit(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    refusing(app, "jobs", "terminate", app.world.clock.now() + timedelta(hours=7))
    reply = http.answering(lambda: http.cancel_run(app.engine, app.only_run().id))
    assert reply.status == 503
    app.world.clock.advance(hours=8)
    app.settle()
    assert app.only_run().state == "cancelled"


def test_a_pool_that_is_gone_ends_the_run_and_names_it(app_with):
    app = app_with()
    app.engine.catalogue.pools.clear()
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert app.only_run().cause == "plan-failed"
    assert "add pools/cpu.yaml" in app.only_run().error


def test_a_definition_of_another_version_is_reported_as_such(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    run = app.only_run().model_copy(update={"definition": '{"name": "job"}'})
    with pytest.raises(DefinitionUnreadable, match="trigger: Field required"):
        app.engine.definition(run)
