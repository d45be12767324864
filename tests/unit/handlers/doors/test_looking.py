"""How a run stands and what it printed over HTTP: what is shown, in which bounds, and what not."""

import json

import pytest

from pipeline.handlers.doors import http, looking
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES
from tests.unit.handlers.doors.test_openapi import complaints

TOLERANT = LINES + "tolerance: {failed_items: '100%'}\n"


@pytest.fixture
def app(app_with):
    return app_with(TOLERANT, program=lambda item: Failure(tail="x" * 3000) if item.id else [])


@pytest.fixture
def run(app):
    app.upload("other/a.txt", b"one\ntwo\nthree\n")
    body = {"pipeline": "job", "input": {"container": "input", "name": "other/a.txt"}}
    started = http.start_run(app.engine, json.dumps(body).encode(), None).body["id"]
    app.settle()
    return started


def standing(app, run, *asked):
    return http.answering(lambda: looking.show_standing(app.engine, run, *asked))


def logs(app, run, *asked):
    return http.answering(lambda: looking.show_logs(app.engine, run, *asked))


def put_log(app, run, unit, content, name="l-0.txt"):
    app.world.blobs.put("work", f"{run}/g1/log/{unit}/x0-{'5ec2e7' * 5}/{name}", content)


def test_a_standing_has_the_run_the_counts_and_the_first_failures(app, run):
    reply = standing(app, run, "1")
    assert (reply.status, complaints("Standing", json.loads(json.dumps(reply.body)))) == (200, [])
    assert (reply.body["done"], reply.body["items"], reply.body["failed"]) == (3, 3, 2)
    assert reply.body["run"]["id"] == run
    (failed,) = reply.body["failed_items"]
    assert (failed["id"], failed["unit"]) == (1, "t000001")


def test_a_reader_gets_no_more_of_an_output_than_an_error_may_have(app, run):
    tails = [len(item["tail"]) for item in standing(app, run).body["failed_items"]]
    assert tails == [looking.LONGEST_TAIL] * 2
    assert "outputs" not in standing(app, run).body["failed_items"][0]


@pytest.mark.parametrize("count", ["-1", "201", "x", "1e3", "٣"])
def test_a_number_of_failures_that_is_none_is_400(app, run, count):
    assert standing(app, run, count).status == 400


def test_logs_never_show_the_address_of_an_execution(app, run):
    put_log(app, run, "t000007", b"== item 1\n")
    reply = logs(app, run, "t000007")
    assert (reply.status, complaints("Logs", json.loads(json.dumps(reply.body)))) == (200, [])
    assert [(one["unit"], one["text"]) for one in reply.body["logs"]] == [
        ("t000007", "== item 1\n")
    ]
    assert "5ec2e7" not in json.dumps(reply.body) and "http" not in json.dumps(reply.body)


@pytest.mark.parametrize(
    "unit", ["../g2", "t1", "t000001/..", "t000001/x0-0", "x", "%", "split/", "t000001\n", "t" * 99]
)
def test_only_a_unit_names_logs(app, run, unit):
    reply = logs(app, run, unit)
    assert (reply.status, reply.body["retry"]) == (400, False)
    assert "is no unit" in reply.body["error"]


def test_a_long_log_is_cut_and_many_logs_are_bounded(app, run):
    put_log(app, run, "t000007", b"y" * ((1 << 20) + 1))
    (log,) = logs(app, run, "t000007").body["logs"]
    assert (len(log["text"]), log["cut"]) == (1 << 20, True)
    for number in range(7):
        put_log(app, run, "assemble", b"z" * (1 << 20), f"l-{number}.txt")
    reply = logs(app, run, "assemble")
    assert (len(reply.body["logs"]), reply.body["more"]) == (4, True)


def test_logs_of_an_earlier_generation_and_of_no_run(app, run):
    put_log(app, run, "t000007", b"first\n")
    http.redrive_run(app.engine, run)
    assert logs(app, run).body["generation"] == 2
    assert [one["text"] for one in logs(app, run, "t000007", "1").body["logs"]] == ["first\n"]
    assert logs(app, run, None, "0").status == 400
    assert logs(app, "job-absent").status == standing(app, "job-absent").status == 404


def test_bytes_that_are_no_text_are_shown_as_such(app, run):
    put_log(app, run, "t000007", b"\xff\xfe\x00ok")
    assert logs(app, run, "t000007").body["logs"][0]["text"].endswith("\x00ok")


@pytest.mark.parametrize(("active", "count"), [(None, 1), ("", 1), ("false", 1), ("true", 0)])
def test_active_leaves_out_runs_that_are_over(app, run, active, count):
    reply = http.list_runs(app.engine, None, None, active)
    assert len(reply.body["runs"]) == count


def test_a_switch_that_is_none_is_400(app):
    assert http.answering(lambda: http.list_runs(app.engine, None, None, "yes")).status == 400
