"""`fanfare events`: lines of events that wait in a queue, whoever wrote them."""

import json
from dataclasses import replace

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.stack.config import COMPLETIONS
from pipeline.cli.subscribing.heard import Heard, Unreadable, heard
from pipeline.cli.subscribing.reader import Reader
from pipeline.errors import Transient

MANIFEST = "https://a.blob.core.windows.net/output/p/r/g1/manifest.json"


def event(run: str = "p-1", verdict: str = "succeeded", **data: object) -> dict:
    whole = {"run": run, "pipeline": "p", "verdict": verdict, "cause": None, "output": None, **data}
    kind = f"fanfare.run.{verdict}"
    return {"specversion": "1.0", "type": kind, "time": "2026-09-01T10:00:07Z", "data": whole}


@pytest.fixture
def queue(cli):
    cli.app.engine, queues = replace(cli.app.engine, local=True), cli.app.world.queues
    queues.create(COMPLETIONS)
    queues.create("desk")
    return lambda body, name=COMPLETIONS: queues.send(
        name, body if isinstance(body, str) else json.dumps(body)
    )


def left(cli, name=COMPLETIONS):
    return cli.app.world.queues.bodies(name)


def test_a_line_says_when_what_and_how_it_ended(cli, queue):
    queue(event(output={"manifest": MANIFEST}))
    queue(event("p-2", "failed", cause="program-failed"))
    queue(event("p-3", "cancelled"))
    assert cli("events").stdout.splitlines() == [
        f"2026-09-01T10:00:07Z p p-1 succeeded {MANIFEST}",
        "2026-09-01T10:00:07Z p p-2 failed program-failed",
        "2026-09-01T10:00:07Z p p-3 cancelled -",
    ]


def test_a_look_leaves_everything_for_others(cli, queue):
    queue(event())
    assert cli("events").stdout == cli("events").stdout != ""
    assert len(cli.app.world.queues.receive(COMPLETIONS, 10)) == 1


def test_what_is_taken_is_gone_and_no_more_than_the_limit_is(cli, queue):
    for number in range(3):
        queue(event(f"p-{number}"), "desk")
    told = cli("events", "--queue", "desk", "--take", "--limit", "2")
    assert [line.split()[2] for line in told.stdout.splitlines()] == ["p-0", "p-1"]
    assert [json.loads(body)["data"]["run"] for body in left(cli, "desk")] == ["p-2"]


def test_json_is_the_event_as_it_came_on_one_line(cli, queue):
    sent = [event("p-1", later_field={"ü": ["\u2028", "\x1b"]}), event("p-2")]
    for each in sent:
        queue(each)
    lines = cli("events", "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == sent
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_an_event_of_a_real_run_is_read(cli, queue):
    run = cli.finished()
    queue(cli.app.world.events.published[-1])
    (line,) = cli("events").stdout.splitlines()
    assert line.split()[1:4] == ["job", run, "succeeded"]
    assert line.endswith("/g1/manifest.json")


HOSTILE = (
    "", "null", "[]", "{}", "\x00", "not json", "[" * 100_000, '{"a": NaN}', '"\ud800"',
    '{"type": "fanfare.run.failed"}',
    '{"type": "fanfare.run.failed", "data": []}',
    '{"type": "fanfare.run.failed", "data": {"run": 1, "pipeline": "p", "verdict": "failed"}}',
    '{"type": ["fanfare.run.failed"], "data": {}}',
    '{"type": "Microsoft.Storage.BlobCreated", "data": {}}',
)  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE)
def test_what_is_no_event_has_a_reason(body):
    found = heard(body)
    assert isinstance(found, Unreadable)
    assert found.reason.isprintable() and 10 < len(found.reason) < 300


def test_a_text_of_a_stranger_is_one_word_and_controls_no_terminal():
    found = heard(json.dumps(event("a b\x1b]0;x\x07\nc\u202e" + "y" * 9999)))
    assert isinstance(found, Heard)
    assert len(found.line.split(" ")) == 5
    assert found.line.isprintable() and len(found.line) < 1000
    assert "a␠b" in found.line


def test_what_is_no_event_is_told_apart_and_stays(cli, queue):
    queue("garbage", "desk")
    queue(event(), "desk")
    told = cli("events", "--queue", "desk", "--take")
    assert len(told.stdout.splitlines()) == 1
    assert "cannot be read and stays" in told.stderr
    assert left(cli, "desk") == ["garbage"]
    again = cli("events", "--queue", "desk", "--take", "--json")
    assert again.stdout == ""


def test_an_event_that_cannot_be_shown_is_not_deleted(cli, queue):
    """Who reads from a pipe that ends must find the event again."""
    queue(event())

    def ended(_said: object) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Reader(cli.app.world.queues, COMPLETIONS, ended, take=True).look(1)
    assert len(left(cli)) == 1


def test_an_empty_queue_and_a_missing_one_are_told(cli, queue):
    empty = cli("events")
    assert (empty.exit_code, empty.stdout) == (Exit.OK, "")
    assert "No event waits in the queue completions" in empty.stderr
    missing = cli("events", "--queue", "nonesuch")
    assert missing.exit_code == Exit.FAILED
    assert "`fanfare subscribe --queue nonesuch`" in missing.stderr


def test_the_queues_of_the_engine_are_not_read(cli):
    told = cli("events", "--queue", "work", "--take")
    assert told.exit_code == Exit.USAGE and "engine's own" in told.stderr


def test_a_look_at_a_full_queue_says_that_more_may_wait(cli, queue):
    for number in range(40):
        queue(event(f"p-{number}"))
    told = cli("events", "--limit", "100")
    assert len(told.stdout.splitlines()) == 32
    assert "more may wait behind them" in told.stderr


class Ends(KeyboardInterrupt):
    """Ctrl-C, after what was to happen."""


def sleeping(cli, *moments):
    """Let each sleep of the command do the next thing, and then press Ctrl-C."""
    rest = iter(moments)

    def sleep(_seconds: float) -> None:
        next(rest, press)()

    def press() -> None:
        raise Ends

    cli._sleep = sleep


def test_followed_events_are_shown_once_each(cli, queue):
    queue(event("p-1"))
    sleeping(cli, lambda: queue(event("p-2")), lambda: None)
    told = cli("events", "--follow")
    assert [line.split()[2] for line in told.stdout.splitlines()] == ["p-1", "p-2"]
    assert len(left(cli)) == 2


def test_who_follows_and_takes_leaves_nothing(cli, queue):
    for number in range(40):
        queue(event(f"p-{number}"), "desk")
    sleeping(cli, lambda: queue(event("late"), "desk"))
    told = cli("events", "--queue", "desk", "--follow", "--take")
    assert len(told.stdout.splitlines()) == 41
    assert left(cli, "desk") == []


def test_a_look_that_cannot_see_further_ends_with_the_way_out(cli, queue):
    for number in range(33):
        queue(event(f"p-{number}"))
    told = cli("events", "--follow")
    assert told.exit_code == Exit.FAILED
    assert len(told.stdout.splitlines()) == 32
    assert "--take" in told.stderr and "fanfare subscribe --queue NAME" in told.stderr


def test_a_queue_that_is_away_for_a_moment_is_waited_for(cli, queue):
    queues = cli.app.world.queues
    looks = []

    def peek(_name: str, _limit: int) -> list:
        looks.append(1)
        raise Transient("no answer")

    queues.peek = peek
    sleeping(cli, *[lambda: None] * 20)
    told = cli("events", "--follow")
    assert told.exit_code == Exit.UNREACHABLE and "no answer" in told.stderr
    assert len(looks) == 10
