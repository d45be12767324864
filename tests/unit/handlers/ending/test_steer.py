"""Cancelling and redriving, and what the HTTP interface answers."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.handlers.doors import http
from pipeline.handlers.ending import steer
from tests.fakes.crash import Injector
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES, REQUEST

RANGE = REQUEST + "split: {range: {stop: 1, step: 1}}\n"
WITH_PARAMETER = RANGE + "parameters: {paths: {type: integer, default: 5, maximum: 9}}\n"


def post(app, body, key=None):
    return http.answering(lambda: http.start_run(app.engine, json.dumps(body).encode(), key))


class Overtaken:
    """The job port; while it ends a job for the first time, `meanwhile` happens."""

    def __init__(self, real, meanwhile) -> None:
        self._real, self._meanwhile = real, [meanwhile]

    def __getattr__(self, name):
        return getattr(self._real, name)

    def terminate(self, job):
        if self._meanwhile:
            self._meanwhile.pop()()
        self._real.terminate(job)


def test_a_cancellation_that_another_instance_completes_is_one(app_with):
    app = app_with(LINES)
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    run, other = app.only_run().id, app.engine
    jobs = Overtaken(app.world.ports.jobs, lambda: steer.cancel(other, run))
    app.through(replace(app.world.ports, jobs=jobs))
    assert steer.cancel(app.engine, run).state == "cancelled"


def test_one_key_is_one_run(app_with):
    app = app_with(RANGE)
    replies = [post(app, {"pipeline": "job"}, "key") for _ in range(3)]
    assert [reply.status for reply in replies] == [202, 200, 200]
    app.settle()
    assert post(app, {"pipeline": "job"}, "key").body["state"] == "succeeded"
    assert app.only_run().succeeded == 1


def test_without_a_key_every_request_is_a_run(app_with):
    app = app_with(RANGE)
    for _ in range(3):
        assert post(app, {"pipeline": "job"}).status == 202
    assert len(app.all_runs()) == 3


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"pipeline": "jbo"}, 404, "known: job"),
        ({}, 400, "pipeline: Field required"),
        ({"pipeline": "job", "more": 1}, 400, "more"),
        ({"pipeline": "job", "parameters": {"path": 1}}, 400, "paths"),
        ({"pipeline": "job", "parameters": {"paths": 10}}, 400, "paths"),
        ({"pipeline": "job", "parameters": {"paths": [1]}}, 400, "parameters.paths"),
        ({"pipeline": "job", "input": {"container": "input", "name": "no"}}, 404, "no blob 'no'"),
        ({"pipeline": "job", "input": {"container": "../x", "name": "x"}}, 400, "container"),
    ],
)
def test_a_request_that_cannot_be_met_says_why(app_with, body, status, words):
    app = app_with(WITH_PARAMETER)
    reply = post(app, body)
    assert (reply.status, words in reply.body["error"]) == (status, True), reply.body
    assert app.all_runs() == []


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"\xff", b" " * 70_000, b"[" * 9999])
def test_a_malformed_body_is_refused(app_with, body):
    app = app_with(RANGE)
    assert http.answering(lambda: http.start_run(app.engine, body, None)).status in (400, 413)


def test_a_request_can_name_a_blob(app_with):
    app = app_with()
    app.world.blobs.put("input", "elsewhere/a.txt", b"one\ntwo\n")
    post(app, {"pipeline": "job", "input": {"container": "input", "name": "elsewhere/a.txt"}})
    app.settle()
    assert app.only_run().succeeded == 2


def test_a_cancelled_run_ends_its_jobs_and_is_announced(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    assert http.cancel_run(app.engine, app.only_run().id).body["state"] == "cancelled"
    app.pump()
    assert {job.state for job in app.world.batch.jobs.values()} == {"completed"}
    assert app.world.events.published[0]["type"] == "fanfare.run.cancelled"


@pytest.mark.parametrize("action", [http.cancel_run, http.redrive_run])
def test_what_a_run_that_succeeded_cannot_do_is_a_conflict(app_with, action):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    reply = http.answering(lambda: action(app.engine, app.only_run().id))
    assert (reply.status, "succeeded" in reply.body["error"]) == (409, True)


def test_an_active_run_cannot_be_redriven(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    assert http.answering(lambda: http.redrive_run(app.engine, app.only_run().id)).status == 409


def test_a_run_that_does_not_exist_is_404(app_with):
    app = app_with()
    for action in (http.cancel_run, http.redrive_run, http.show_run):
        assert http.answering(lambda a=action: a(app.engine, "job-x")).status == 404


def test_a_cancel_that_meets_a_move_is_decided_again(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    run = app.only_run().id

    class Meets(Injector):
        def call(self, port, verb, made):
            if self._record(port, verb):  # the last task ends between the read and the move
                app.run_tasks()
                app.through(app.world.ports)
                app.pump()
            return made()

    engine = app.engine
    app.through(Meets(("tables", "transact", 1)).ports(app.world.ports))
    reply = http.answering(lambda: http.cancel_run(app.engine, run))
    assert engine is not app.engine
    assert (reply.status, "already succeeded" in reply.body["error"]) == (409, True)


def test_the_output_that_is_being_committed_cannot_be_cancelled(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.run_tasks()
    app.through(Injector(("writer", "write", 2)).ports(app.world.ports))
    app.pump()
    assert app.only_run().state == "committing"
    reply = http.answering(lambda: http.cancel_run(app.engine, app.only_run().id))
    assert reply.status == 409
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_run_can_be_redriven_until_it_is_whole(app_with):
    app = app_with(LINES + "tolerance: {failed_items: 3}\n")
    for generation in (1, 2, 3):
        whole = set(range(generation))
        app.program = lambda item, whole=whole: [("p", b"x")] if item.id in whole else Failure()
        if generation == 1:
            app.upload("lines/a.txt", b"one\ntwo\nthree\n")
        else:
            steer.redrive(app.engine, app.only_run().id)
        app.settle()
        run = app.only_run()
        assert (run.state, run.generation, run.succeeded) == ("succeeded", generation, generation)
    assert len({event["id"] for event in app.world.events.published}) == 3
    assert app.only_run().node_seconds == 3.0  # 3, 2 and 1 items of half a node-second


def unfinished(app_with, text=LINES):
    """Leave a run of three items with item 0 done, item 1 failed and item 2 never run."""
    app = app_with(text)
    app.program = lambda item: Failure() if item.id == 1 else [("p", b"x")]
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.pump()
    batch = app.world.batch
    ((job, tasks),) = [(name, list(job.tasks)) for name, job in batch.jobs.items()]
    for task in tasks[:2]:
        batch.run_task(job, task, app.world.node(app.program))
    app.pump()
    return app


def told(app):
    data = app.world.events.published[-1]["data"]
    return data["items"], data["missing_total"], [(m["item"], m["cause"]) for m in data["missing"]]


LEFT = {"succeeded": 1, "failed": 2, "without_output": 0}


def test_a_cancelled_run_announces_what_failed_and_what_never_ended(app_with):
    app = unfinished(app_with)
    steer.cancel(app.engine, app.only_run().id)
    app.pump()
    assert told(app) == (LEFT, 2, [(1, "program-failed"), (2, "cancelled")])


def test_a_run_that_timed_out_announces_what_failed_and_what_never_ended(app_with):
    app = unfinished(app_with)
    app.pass_time(timedelta(hours=7))
    app.pump()
    assert app.only_run().cause == "run-timed-out"
    assert told(app) == (LEFT, 2, [(1, "program-failed"), (2, "run-timed-out")])


def test_a_run_cancelled_before_its_plan_misses_nothing(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.claim()
    steer.cancel(app.engine, app.only_run().id)
    app.pump()
    assert told(app) == ({"succeeded": 0, "failed": 0, "without_output": 0}, 0, [])
