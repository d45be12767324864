"""`fanfare logs --follow`: the lines of a running task, as they come."""

import json
from dataclasses import replace

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.fetching.following import LIVE_FILES
from pipeline.errors import Transient
from pipeline.ledger.layout import TASKS
from tests.unit.cli.answers.conftest import SEPARATE, refusal

LIVE, OUT, _ = LIVE_FILES
BUNDLED = SEPARATE + "bundle: {items: 2}\n"
HEAD = "== item {}, try 1: {}\n"


class Printing:
    """A task that prints a piece more at each poll of the command, and then ends."""

    def __init__(self, cli, pieces, unit="t000000", path=LIVE, lines=b"one\n"):
        cli.app.upload("lines/a.txt", lines)
        cli.app.pump()
        self.cli, self.batch = cli, cli.app.world.batch
        (self.job,) = self.batch.jobs
        self.unit, self.pieces = unit, list(pieces)
        self.file = (self.job, unit, path)
        self.batch.start_task(self.job, unit)
        cli.asleep = True
        self.sleep, cli._sleep = cli._sleep, self.advance

    def advance(self, seconds):
        self.sleep(seconds)
        if not self.pieces:
            self.end()
        elif isinstance(piece := self.pieces.pop(0), bytes):
            self.batch.files[self.file] = self.batch.files.get(self.file, b"") + piece
        else:
            piece()

    def end(self):
        self.batch.jobs[self.job].tasks[self.unit].state = "active"
        self.batch.run_task(self.job, self.unit, self.cli.app.world.node(self.cli.app.program))
        self.cli.app.pump()


def printed(cli, *arguments) -> list[str]:
    result = cli("logs", "latest", *arguments, "--follow")
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_new_lines_come_as_they_are_printed_and_it_ends_with_the_task(cli):
    Printing(cli, [b"first\nsec", b"ond\n", b"", b"no end of line"])
    assert printed(cli, "0") == ["first", "second", "no end of line"]


class Counted:
    """Tables that note which rows of tasks are read."""

    def __init__(self, tables):
        self._tables, self.rows = tables, []

    def __getattr__(self, name):
        return getattr(self._tables, name)

    def get(self, table, partition, key):
        if table == TASKS:
            self.rows.append(key)
        return self._tables.get(table, partition, key)


def test_the_row_of_the_task_is_read_once_a_poll(cli):
    printing = Printing(cli, [b"first\n", b"second\n", b"third\n"])
    counted = Counted(cli.app.engine.ports.tables)
    polls, advance = [], printing.advance

    def sleep(seconds):
        polls.append(counted.rows.count("t000000"))
        counted.rows.clear()
        advance(seconds)
        counted.rows.clear()

    cli._sleep = sleep
    cli.app.through(replace(cli.app.engine.ports, tables=counted))
    printed(cli, "0")
    assert len(polls) > 3
    assert set(polls) == {1}


def test_a_run_with_one_task_needs_no_name(cli):
    Printing(cli, [b"here\n"])
    assert printed(cli) == ["here"]


def test_with_many_tasks_one_has_to_be_named(cli):
    Printing(cli, [b"x\n"], lines=b"one\ntwo\n")
    said = refusal(cli, "logs", "latest", "--follow", code=Exit.USAGE)
    assert "2 tasks: name a task, or give --item" in said


def test_only_the_lines_of_one_item_come(cli_with):
    cli = cli_with(BUNDLED)
    pieces = [HEAD.format(0, "begins") + "zero\n", HEAD.format(1, "begins") + "one\n"]
    Printing(cli, [piece.encode() for piece in pieces], lines=b"a\nb\n")
    assert printed(cli, "--item", "1") == ["== item 1, try 1: begins", "one"]


def test_a_task_without_the_runner_is_followed_by_its_streams(cli):
    Printing(cli, [b"printed\n"], path=OUT)
    assert printed(cli, "0") == ["printed"]


def test_a_further_attempt_is_printed_from_its_beginning(cli):
    printing = Printing(cli, [b"first attempt\n"])
    again = dict.fromkeys([printing.file], b"again\n")
    printing.pieces.append(lambda: printing.batch.files.update(again))
    assert printed(cli, "0") == ["first attempt", "again"]


def test_without_a_live_file_the_log_comes_at_the_end(cli):
    Printing(cli, [])
    assert printed(cli, "0") == ["item 0"]


def test_a_task_that_has_ended_is_printed_as_without_follow(cli, run):
    plain = cli("logs", run.id, "0").stdout
    assert cli("logs", run.id, "0", "--follow").stdout == plain


def test_programs_get_a_line_of_json_for_each_line(cli):
    Printing(cli, [b"one\ntwo\n"])
    lines = [json.loads(line) for line in printed(cli, "0", "--json")]
    assert lines == [{"unit": "t000000", "line": line} for line in ("one", "two")]


def test_what_is_printed_cannot_steer_the_terminal(cli):
    Printing(cli, [b"\x1b[2J\xff" + b"x" * (200 << 10) + b"\n"])
    shown = "".join(printed(cli, "0"))
    assert "\x1b" not in shown and "\\x1b[2J\ufffd" in shown and shown.count("x") > 200 << 10


class Silent:
    """A Batch that does not answer the first questions for a file."""

    def __init__(self, batch, times):
        self._batch, self._times = batch, times

    def __getattr__(self, name):
        return getattr(self._batch, name)

    def task_file(self, *arguments):
        self._times -= 1
        if self._times >= 0:
            raise Transient("read live.txt of the task t000000: 503")
        return self._batch.task_file(*arguments)


def silent(cli, times):
    cluster = Silent(cli.app.world.batch, times)
    cli.app.through(replace(cli.app.engine.ports, cluster=cluster))


def test_a_service_that_does_not_answer_for_a_moment_is_asked_again(cli):
    Printing(cli, [b"one\n", b"", b"", b"", b"two\n"])
    silent(cli, 3)
    assert printed(cli, "0") == ["one", "two"]


def test_a_service_that_stays_silent_ends_it_with_its_error(cli):
    Printing(cli, [b"one\n"] * 50)
    silent(cli, 99)
    assert "503" in refusal(cli, "logs", "latest", "0", "--follow", code=Exit.UNREACHABLE)


def test_a_timeout_ends_it_and_not_the_task(cli):
    Printing(cli, [b"x\n"] + [b""] * 100)
    said = refusal(cli, "logs", "latest", "0", "--follow", "--timeout", "5", code=Exit.TIMED_OUT)
    assert "t000000 of run" in said and "has not ended" in said


def test_a_run_that_is_cancelled_ends_it(cli):
    printing = Printing(cli, [b"x\n"])
    run = cli.app.only_run().id
    printing.pieces.append(lambda: (cli("cancel", run, "--yes"), cli.app.settle()))
    assert printed(cli, "0")[0] == "x"


def test_a_task_that_prints_nothing_says_where_to_look(cli):
    Printing(cli, [b""] * 15)
    assert "fanfare show" in cli("logs", "latest", "0", "--follow").stderr


@pytest.mark.parametrize("arguments", [["--all"], ["0", "--item", "1"]])
def test_it_follows_one_task_alone(cli, arguments):
    Printing(cli, [])
    assert "only one" in refusal(cli, "logs", "latest", *arguments, "--follow", code=Exit.USAGE)


LOGGED = HEAD.format(0, "succeeded, 0.2 s") + "first\nsecond\nthird\n"


@pytest.mark.parametrize("came", ["first\n", "first\nsec", ""])
def test_lines_that_a_node_took_with_it_come_from_the_log(cli, came):
    task = Printing(cli, [(HEAD.format(0, "begins") + came).encode()])

    def gone(end=task.end):
        task.batch.files.clear()
        (run,) = cli.app.all_runs()
        name = f"{run.id}/g1/log/t000000/l-{'0' * 16}.txt"
        cli.app.world.blobs.put("work", name, LOGGED.encode())
        end()

    task.end = gone
    begins, *rest = printed(cli, "0")
    assert begins == "== item 0, try 1: begins"
    assert rest == ["first", "second", "third", "== item 0, try 1: succeeded, 0.2 s"]


def test_nothing_comes_twice_if_the_file_was_read_to_its_end(cli):
    text = HEAD.format(0, "begins") + "first\n\n" + HEAD.format(0, "succeeded, 0.2 s")
    Printing(cli, [text.encode()])
    assert printed(cli, "0") == text.splitlines()
