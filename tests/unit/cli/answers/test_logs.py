"""`fanfare logs`: what tasks printed, of failed items, of one item, or of all."""

import pytest

from pipeline.cli.doors import direct
from pipeline.cli.exits import Exit
from pipeline.domain.waiting.reports import PoolReport
from tests.fakes.node import Failure
from tests.unit.cli.answers.conftest import refusal
from tests.unit.cli.conftest import LINES

BUNDLED = LINES + "bundle: {items: 2}\ntolerance: {failed_items: 3}\n"


@pytest.fixture
def cli(cli_with):
    """Make an app whose items are single tasks, as most tests of the command line have."""
    return cli_with()


def put_log(cli, run, unit, text, attempt="0"):
    cli.app.world.blobs.put("work", f"{run}/g1/log/{unit}/l-{attempt * 16}.txt", text.encode())


def test_logs_print_failed_items_with_control_characters_spelt_out(cli_with):
    cli = cli_with(program=lambda item: Failure() if item.id == 1 else [("p", b"x")])
    run = cli.finished()
    text = "== item 1, try 1: program-failed, 0.1 s\n\x1b]0;owned\x07oops\n"
    put_log(cli, run, "t000001", text)
    put_log(cli, run, "t000000", "fine\n", attempt="1")
    result = cli("logs", run)
    assert "\\x1b]0;owned\\x07oops" in result.stdout and "fine" not in result.stdout
    assert "fine" in cli("logs", run, "0").stdout
    assert "fine" in cli("logs", run, "--all").stdout


def test_logs_of_a_run_without_failures_say_so(cli):
    cli.finished()
    assert "Nothing failed" in cli("logs", "latest").stderr
    assert cli("logs", "latest", "x;y").exit_code == Exit.USAGE


def test_logs_of_a_run_without_any_say_what_it_waits_for_and_what_ended_it(cli):
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    (pool,) = cli.app.world.batch.pools
    cli.app.world.batch.pools[pool] = PoolReport("")
    for _ in range(4):
        cli.app.pass_time()
    assert f"pool-missing: pool {pool} does not exist" in cli("logs", "latest").stderr
    for _ in range(40):
        cli.app.pass_time()
    said = " ".join(cli("logs", "latest").stderr.split())
    assert "The pool has not worked for 30 minutes" in said and "Nothing failed" not in said


def test_one_item_is_printed_without_its_neighbours(cli_with):
    cli = cli_with(BUNDLED)
    run = cli.finished()
    head = "== item {}, try {}: succeeded, 0.1 s\n"
    zero, one = head.format(0, 1) + "zero\n", head.format(1, 1) + "one\n"
    put_log(cli, run, "t000000", zero + one)
    put_log(cli, run, "t000001", head.format(2, 1) + "two\n")
    shown = cli("logs", run, "--item", "1").stdout
    assert "one" in shown and "zero" not in shown and "two" not in shown
    assert {log["unit"] for log in cli.json("logs", run, "--item", "2")} == {"t000001"}
    assert "has no item 3" in refusal(cli, "logs", run, "--item", "3", code=Exit.USAGE)


@pytest.mark.parametrize("task", ["99", "t000099", "3"])
def test_a_task_that_the_run_does_not_have_is_refused_with_those_it_has(cli, task):
    run = cli.finished()
    said = refusal(cli, "logs", run, task, code=Exit.USAGE)
    assert f"Generation 1 of run {run} has no task {task}: it has 3 tasks, 0 to 2." in said


def test_a_task_that_a_run_does_not_have_is_not_followed(cli):
    cli.app.upload("lines/a.txt", b"one\n")
    cli.app.pump()
    said = refusal(cli, "logs", "latest", "1", "--follow", code=Exit.USAGE)
    assert said.endswith("has no task 1: it has 1 task, 0.")


def test_an_item_of_a_redriven_generation_is_found_where_it_is(cli_with):
    cli = cli_with(BUNDLED.replace("failed_items: 3", "failed_items: 0"))
    cli.app.program = lambda item: Failure() if item.id == 2 else [("p", b"x")]
    run = cli.finished()
    put_log(cli, run, "t000001", "== item 2, try 1: program-failed, 0.1 s\nfirst\n")
    cli("redrive", run, "--no-wait")
    cli.app.settle()
    assert "--generation" in refusal(cli, "logs", run, "--item", "0", code=Exit.USAGE)
    assert "first" in cli("logs", run, "--item", "2", "--generation", "1").stdout


def test_only_one_way_to_choose_is_taken(cli):
    run = cli.finished()
    assert "only one" in refusal(cli, "logs", run, "0", "--item", "1", code=Exit.USAGE)


def test_a_traceback_that_many_items_have_is_shown_once_with_its_count(cli_with):
    cli = cli_with(program=lambda _: Failure())
    run = cli.finished()
    for number in range(3):
        put_log(
            cli, run, f"t{number:06}",
            f"== item {number}, try 1: program-failed, 0.1 s\n"
            f'Traceback (most recent call last):\n  File "/n{number}/work.py", line 3, in f\n'
            f"    1 / 0\nKeyError: {number}\n",
        )  # fmt: skip
    shown = cli("logs", run).stdout
    assert shown.count("most recent call last") == 1 and "[traceback 1: it came 3 times]" in shown
    assert "[traceback 1, as above] KeyError: 2" in shown
    assert sum("most recent" in log["text"] for log in cli.json("logs", run)) == 3


FAILED = "== item {}, try 1: program-failed, 0.1 s\n"


@pytest.fixture
def cut(cli_with, monkeypatch):
    """Make a task of two failed items, of whose log only the first one's part is read."""
    cli = cli_with(BUNDLED, program=lambda _: Failure())
    run, first = cli.finished(), FAILED.format(0) + "zero\n"
    blobs, logs = cli.app.world.blobs, f"{run}/g1/log/t000000/"
    for name in blobs.names("work", logs):
        blobs.remove("work", name)
    put_log(cli, run, "t000000", first + FAILED.format(1) + "one\n")
    monkeypatch.setattr(direct, "LOG_BYTES", len(first))
    return cli


@pytest.mark.parametrize("words", [(), ("0",), ("--item", "0"), ("--all",)])
def test_a_log_that_is_not_read_to_its_end_says_so(cut, words):
    shown = cut("logs", "latest", *words).stdout
    assert "zero" in shown and "(cut here)" in shown and "one" not in shown
    log = next(log for log in cut.json("logs", "latest", *words) if log["unit"] == "t000000")
    assert (log["cut"], log["more"]) == (True, False)


def test_an_item_beyond_the_part_that_is_read_is_no_empty_log(cut):
    assert "the log is longer" in refusal(cut, "logs", "latest", "--item", "1", code=Exit.FAILED)
