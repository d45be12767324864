"""Stages that are programs on a node: split and assemble, their failures and lost outputs."""

import json

import pytest

from pipeline.handlers.ending import steer
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES, PROGRAMS, content_of
from tests.unit.handlers.nodes import batch_says, losing, lying, node_lost, scripted


def work(item):
    """Act as the program of the stage that the page is for."""
    file = item.page["program"]["file"]
    if file == "cut.py":
        return [("items.json", json.dumps([{"parameters": {"n": n}} for n in (3, 5)]).encode())]
    if file == "join.py":
        parts = item.json("parts.json")
        return [("joined.txt", b"".join(item.files[part["file"]] for part in parts))]
    return [("part.txt", b"%d\n" % item.parameters["n"])]


def broken(stage):
    """Fail in one stage only."""
    return lambda item: Failure() if item.page["program"]["file"] == stage else work(item)


def test_programs_split_and_assemble(app_with):
    app = app_with(PROGRAMS, program=work)
    app.upload("lines/a.bin", b"x")
    app.settle()
    run = app.only_run()
    assert (run.state, run.succeeded, content_of(app, run)) == ("succeeded", 2, b"3\n5\n")
    assert run.node_seconds == 2.0  # four tasks of a second, each on half a node


@pytest.mark.parametrize(
    ("stage", "cause", "words"),
    [
        ("cut.py", "plan-failed", "split program cut.py failed: it went wrong"),
        ("join.py", "program-failed", "assemble program join.py failed: it went wrong"),
    ],
)
def test_a_stage_program_that_fails_ends_the_run_with_its_last_words(app_with, stage, cause, words):
    app = app_with(PROGRAMS, program=broken(stage))
    app.upload("lines/a.bin", b"x")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", cause)
    assert words in run.error


@pytest.mark.parametrize("content", [b"no json", b"{}", b'[{"parameters": {"m": 1}}]', b"[1]"])
def test_a_split_program_that_writes_nonsense_ends_the_run(app_with, content):
    app = app_with(PROGRAMS, program=lambda _item: [("items.json", content)])
    app.upload("lines/a.bin", b"x")
    app.settle()
    assert (app.only_run().state, app.only_run().cause) == ("failed", "plan-failed")


def test_a_split_program_that_writes_no_items_ends_the_run(app_with):
    app = app_with(PROGRAMS, program=lambda _item: [("other.json", b"[]")])
    app.upload("lines/a.bin", b"x")
    app.settle()
    assert "cut.py did not write items.json" in app.only_run().error


@pytest.mark.parametrize("stage", ["split", "assemble"])
def test_a_stage_survives_everything_that_is_worth_another_execution(app_with, stage):
    app = app_with(PROGRAMS, program=work)
    script = [node_lost, batch_says("FileUploadMiscError"), lying(app, b"no"), losing(app, "o-")]
    ran = scripted(app, {stage: [*script, batch_says("BlobAccessDenied")]})
    app.upload("lines/a.bin", b"x")
    app.settle()
    assert (app.only_run().state, ran[stage]) == ("succeeded", 6)


@pytest.mark.parametrize(
    ("stage", "cause"), [("split", "plan-failed"), ("assemble", "output-lost")]
)
def test_a_stage_whose_outputs_never_arrive_ends_the_run(app_with, stage, cause):
    app = app_with(PROGRAMS, program=work)
    ran = scripted(app, {stage: [losing(app, "o-")] * 9})
    app.upload("lines/a.bin", b"x")
    app.settle()
    assert (app.only_run().cause, ran[stage]) == (cause, 2)
    assert "never arrived" in app.only_run().error


def test_a_lost_receipt_of_a_stage_is_found(app_with):
    app = app_with(PROGRAMS, program=work)
    app.loses = lambda event: "/receipts/" in str(event["subject"])
    app.upload("lines/a.bin", b"x")
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_redrive_after_a_failed_assembler_runs_no_item_again(app_with):
    app = app_with(PROGRAMS, program=broken("join.py"))
    ran = scripted(app, {})
    app.upload("lines/a.bin", b"x")
    app.settle()
    app.program = work
    again = scripted(app, {})
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    run = app.only_run()
    assert (run.state, run.generation, content_of(app, run)) == ("succeeded", 2, b"3\n5\n")
    assert (dict(ran), dict(again)) == (
        {"split": 1, "t000000": 1, "t000001": 1, "assemble": 1},
        {"assemble": 1},
    )


def test_a_redrive_runs_an_item_again_whose_output_was_lost(app_with):
    app = app_with(LINES + "retries: {output-lost: 0}\n")
    scripted(app, {"t000001": [losing(app, "o-")]})
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()
    assert app.only_run().cause == "output-lost"
    ran = scripted(app, {})
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    assert (app.only_run().state, sum(ran.values())) == ("succeeded", 1)
    assert content_of(app, app.only_run()) == b"0\n1\n2\n"


def test_a_redrive_after_a_failed_split_splits_again(app_with):
    app = app_with(PROGRAMS, program=broken("cut.py"))
    app.upload("lines/a.bin", b"x")
    app.settle()
    app.program = work
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    assert (app.only_run().state, app.only_run().succeeded) == ("succeeded", 2)


@pytest.mark.parametrize(
    "cause", ["program-failed", "timed-out", "program-missing", "input-missing", "output-unusable"]
)
def test_each_cause_of_the_runner_is_tried_as_often_as_the_definition_says(app_with, cause):
    tries = []

    def program(item):
        tries.append(item.tried)
        return Failure(cause) if item.tried < 3 else [("p", b"x")]

    app = app_with(LINES + f"retries: {{{cause}: 2}}\n", program=program)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert (app.only_run().state, tries) == ("succeeded", [1, 2, 3])
