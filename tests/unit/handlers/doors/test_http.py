"""The HTTP interface over the fakes: every route, every refusal, and what no answer contains."""

import json

import pytest

from pipeline.domain.catalogue.catalogue import DefinitionError
from pipeline.errors import Conflict, Permanent, Transient
from pipeline.handlers.doors import bodies, http
from pipeline.handlers.starting import admission
from pipeline.settings import SettingMissing
from tests.fakes.crash import Injector
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES

WITH_PARAMETERS = LINES + "parameters: {width: {type: integer, default: 3, maximum: 9}}\n"
INPUT = {"container": "input", "name": "other/a.txt"}


@pytest.fixture
def app(app_with):
    app = app_with(WITH_PARAMETERS)
    app.upload("other/a.txt", b"one\ntwo\n")
    return app


def start(app, key=None, **fields):
    body = json.dumps({"pipeline": "job", **fields}).encode()
    return http.answering(lambda: http.start_run(app.engine, body, key))


def posted(app, body: bytes):
    return http.answering(lambda: http.start_run(app.engine, body, None))


def asked(app, route, run_id):
    return http.answering(lambda: route(app.engine, run_id))


def broken(app, verb, error):
    injector = Injector(at=("tables", verb, 1), error=error)
    app.through(injector.ports(app.world.ports))


def test_a_request_starts_a_run_that_its_answer_shows(app):
    reply = start(app, input=INPUT, parameters={"width": 5})
    assert (reply.status, reply.body["state"]) == (202, "claimed")
    assert reply.body["parameters"] == {"width": 5}
    assert "definition" not in reply.body
    assert "step" not in reply.body
    app.settle()
    shown = asked(app, http.show_run, reply.body["id"])
    assert (shown.status, shown.body["state"], shown.body["why"]) == (200, "succeeded", "")
    json.dumps(shown.body)


def test_requests_without_a_key_are_runs_of_their_own(app):
    assert start(app, input=INPUT).body["id"] != start(app, input=INPUT).body["id"]


def test_one_key_is_one_run_wherever_it_stands(app):
    first = start(app, key="k", input=INPUT)
    again = start(app, input=INPUT, idempotency_key="k")
    assert (first.status, again.status) == (202, 200)
    assert first.body["id"] == again.body["id"]


@pytest.mark.parametrize(
    "other",
    [
        {"input": {"container": "input", "name": "other/b.txt"}, "parameters": {"width": 5}},
        {"input": INPUT, "parameters": {"width": 6}},
        {"input": INPUT},
        {"parameters": {"width": 5}},
    ],
    ids=["other input", "other parameter", "no parameter", "no input"],
)
def test_one_key_with_another_request_is_a_conflict_that_names_the_run(app, other):
    app.upload("other/b.txt", b"one\n")
    first = start(app, key="k", input=INPUT, parameters={"width": 5})
    reply = start(app, key="k", **other)
    assert (reply.status, reply.body["retry"]) == (409, False)
    assert f"'k' started run {first.body['id']}" in reply.body["error"]
    assert start(app, key="k", parameters={"width": 5}, input=INPUT).status == 200


def test_one_key_is_one_run_though_its_input_was_replaced_meanwhile(app):
    first = start(app, key="k", input=INPUT)
    app.world.blobs.put("input", "other/a.txt", b"new\n", {"width": "7"})
    again = start(app, key="k", input=INPUT)
    assert (again.status, again.body["id"]) == (200, first.body["id"])


def test_the_key_of_the_header_goes_before_that_of_the_body(app):
    both = start(app, key="header", input=INPUT, idempotency_key="body")
    assert both.body["id"] == start(app, key="header", input=INPUT).body["id"]
    assert both.body["id"] != start(app, key="body", input=INPUT).body["id"]


def test_an_unknown_pipeline_is_404_with_the_nearest_name(app):
    reply = start(app, pipeline="jobb")
    assert (reply.status, reply.body["retry"]) == (404, False)
    assert reply.body["error"] == ("There is no pipeline 'jobb'; did you mean 'job'? (known: job).")


def test_a_pipeline_without_a_request_trigger_says_what_to_set(app_with):
    app = app_with(LINES.replace(", http: true", ""))
    reply = start(app)
    assert (reply.status, reply.body["retry"]) == (400, False)
    assert "trigger.http: true" in reply.body["error"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "pipeline: Field required"),
        (b"{", "body: Invalid JSON"),
        (b"[]", "body: Input should be an object"),
        (b'{"pipeline": "\xff"}', "body: Invalid JSON"),
        (b'{"pipeline": 1}', "pipeline: Input should be a valid string"),
        (b'{"pipeline": "job", "params": {}}', "params: no such field; did you mean 'parameters'?"),
        (b'{"pipeline": "job", "input": {"container": "input"}}', "input.name: Field required"),
        (b'{"pipeline": "job", "idempotency_key": ""}', "idempotency_key"),
        (b'{"pipeline": "job", "parameters": {"width": [1]}}', "parameters.width: [1] is not"),
        (b'{"pipeline": "job", "parameters": {"width": NaN}}', "parameters.width: nan is not"),
        (b'{"pipeline": "job", "parameters": {"width": %s}}' % (b"9" * 5000), "Invalid JSON"),
        (b"[" * 60_000, "body: Invalid JSON"),
    ],
)
def test_a_malformed_body_is_400_and_says_where(app, body, says):
    reply = posted(app, body)
    assert (reply.status, reply.body["retry"]) == (400, False)
    assert says in reply.body["error"]
    assert len(reply.body["error"]) < 300


def test_a_body_that_is_too_large_is_413(app):
    reply = posted(app, b" " * (bodies.MAX_BODY + 1))
    assert (reply.status, reply.body["retry"]) == (413, False)


def test_a_key_that_is_too_long_is_400(app):
    assert start(app, key="k" * 201, input=INPUT).status == 400
    assert start(app, key="k" * 200, input=INPUT).status == 202


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"widht": 1}, "widht: no such parameter; did you mean 'width'?"),
        ({"width": 10}, "width: 10 is above the maximum 9"),
        ({"width": "wide"}, "width: 'wide' is not a whole number"),
        ({"w" * 5000: 1}, "no such parameter"),
    ],
)
def test_a_parameter_that_does_not_fit_is_400_and_says_why(app, given, says):
    reply = start(app, parameters=given)
    assert (reply.status, reply.body["retry"]) == (400, False)
    assert says in reply.body["error"]
    assert len(reply.body["error"]) < 300


def test_an_input_that_is_not_there_is_404(app):
    reply = start(app, input={"container": "input", "name": "no\nsuch ü.txt"})
    assert (reply.status, reply.body["retry"]) == (404, False)
    assert r"'no\nsuch \xfc.txt'" in reply.body["error"]


@pytest.mark.parametrize("container", ["work", "receipts", "azure-webjobs-secrets", "$logs", "A/b"])
def test_no_caller_has_the_app_read_a_container_that_is_not_for_inputs(app, container):
    reply = start(app, input={"container": container, "name": "x"})
    assert (reply.status, reply.body["retry"]) == (400, False)
    assert "input.container" in reply.body["error"]


@pytest.mark.parametrize("name", ["../input/other/a.txt", "a/./b", "x" * 1025])
def test_an_input_that_cannot_be_addressed_is_400(app, name):
    assert start(app, input={"container": "input", "name": name}).status == 400


@pytest.mark.parametrize("route", [http.show_run, http.cancel_run, http.redrive_run])
@pytest.mark.parametrize(
    "run_id",
    ["job-" + "0" * 20, "none-" + "0" * 20, "", "..", "a/b", "job-?x=#", "!pipelines", "t:'", "\0"],
)
def test_an_unknown_run_is_404_whatever_its_name(app, route, run_id):
    reply = asked(app, route, run_id)
    assert (reply.status, reply.body["retry"]) == (404, False)
    assert "There is no run" in reply.body["error"]


def test_a_cancelled_run_is_202_as_often_as_it_is_cancelled(app):
    run_id = start(app, input=INPUT).body["id"]
    first, again = asked(app, http.cancel_run, run_id), asked(app, http.cancel_run, run_id)
    assert (first.status, first.body["state"]) == (202, "cancelled")
    assert (again.status, again.body["state"]) == (202, "cancelled")


def test_a_run_that_succeeded_can_be_neither_cancelled_nor_redriven(app):
    run_id = start(app, input=INPUT).body["id"]
    app.settle()
    for route in (http.cancel_run, http.redrive_run):
        reply = asked(app, route, run_id)
        assert (reply.status, reply.body["retry"]) == (409, False)
        assert "succeeded and cannot be" in reply.body["error"]


def test_only_a_run_that_is_over_can_be_redriven(app):
    app.program = lambda _: Failure()
    run_id = start(app, input=INPUT).body["id"]
    early = asked(app, http.redrive_run, run_id)
    assert (early.status, early.body["retry"]) == (409, False)
    app.settle()
    late = asked(app, http.redrive_run, run_id)
    assert (late.status, late.body["state"], late.body["generation"]) == (202, "claimed", 2)


def test_a_redrive_of_one_generation_can_be_repeated(app):
    app.program = lambda _: Failure()
    run_id = start(app, input=INPUT).body["id"]
    app.settle()

    def redriven(generation):
        return http.answering(lambda: http.redrive_run(app.engine, run_id, generation))

    for _ in range(2):
        reply = redriven("1")
        assert (reply.status, reply.body["generation"]) == (202, 2)
    app.settle()
    assert [redriven(wrong).status for wrong in ("0", "x", "3")] == [400, 400, 409]
    assert (redriven("1").body["generation"], redriven("2").body["generation"]) == (2, 3)


def test_a_passing_error_is_503_and_says_that_retrying_helps(app):
    body = json.dumps({"pipeline": "job", "input": INPUT}).encode()
    for verb, action in [
        ("get", lambda: http.show_run(app.engine, "job-" + "0" * 20)),
        ("query", lambda: http.list_runs(app.engine)),
        ("transact", lambda: http.start_run(app.engine, body, "key")),
    ]:
        broken(app, verb, Transient("read a row: 503 ServerBusy"))
        reply = http.answering(action)
        assert (reply.status, reply.body["retry"]) == (503, True)


def test_a_conflict_that_passes_is_decided_again(app):
    broken(app, "transact", Conflict())
    assert start(app, input=INPUT).status == 202


LIMITED = LINES + "max_concurrent_runs: 1\nmax_waiting_runs: 2\n"


@pytest.mark.parametrize("planned", [True, False], ids=["planned", "not yet planned"])
def test_a_request_beyond_the_waiting_runs_is_429_and_says_when_to_come_back(app_with, planned):
    app = app_with(LIMITED)
    app.upload("other/a.txt", b"one\n")
    for number in range(3):
        assert start(app, f"key-{number}", input=INPUT).status == 202
        if planned:
            app.pump()
    refused = start(app, "key-3", input=INPUT)
    assert (refused.status, refused.headers) == (429, {"Retry-After": "60"})
    assert refused.body["retry"] and "max_waiting_runs" in refused.body["error"]
    assert len(app.all_runs()) == 3
    assert start(app, "key-1", input=INPUT).status == 200
    app.settle()
    assert start(app, "key-3", input=INPUT).status == 202


def test_waiting_runs_of_a_paused_pipeline_are_limited_without_a_limit_of_active_ones(app_with):
    app = app_with(LINES + "max_waiting_runs: 2\n")
    app.upload("other/a.txt", b"one\n")
    admission.pause(app.engine, "job")
    for number in range(2):
        assert start(app, f"key-{number}", input=INPUT).status == 202
        app.pump()
    assert start(app, "key-2", input=INPUT).status == 429
    admission.resume(app.engine, "job")
    assert start(app, "key-2", input=INPUT).status == 202


def test_an_upload_is_never_refused(app_with):
    app = app_with(LIMITED)
    for number in range(6):
        app.upload(f"lines/{number}.txt", b"one\n")
    app.settle()
    assert [str(run.state) for run in app.all_runs()] == ["succeeded"] * 6


def test_an_app_that_is_not_set_up_is_500_and_says_so(app):
    for error in (SettingMissing("The setting X is missing."), DefinitionError("pipelines/a.yaml")):
        reply = http.answering(failing(error))
        assert (reply.status, reply.body) == (500, {"error": str(error), "retry": False})


def test_what_lies_behind_an_error_is_never_part_of_an_answer(app):
    error = Permanent("It cannot be done.")
    error.__cause__ = ValueError("AccountKey=c2VjcmV0")
    assert http.answering(failing(error)).body == {"error": "It cannot be done.", "retry": False}


def failing(error):
    def act():
        raise error

    return act


def test_a_run_that_lacks_its_input_is_400_before_it_starts(app):
    reply = start(app, "a key")
    assert (reply.status, reply.body["retry"]) == (400, False)
    assert "job splits its input (lines): name a blob as `input`" in reply.body["error"]
    assert not app.all_runs()
