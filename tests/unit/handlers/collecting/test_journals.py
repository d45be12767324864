"""Tasks whose parents were all killed: what they finished counts, and is not executed again."""

import json

import pytest

from pipeline.domain.runs.journals import parse_journal
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.results import ReceiptInvalid
from tests.fakes.node import FakeNode
from tests.unit.handlers.conftest import BLOB, PLAIN, content_of, manifest_of
from tests.unit.handlers.nodes import scripted

FIVE = BLOB + PLAIN + "split: {lines: {}}\nbundle: {items: 5}\n"
INPUT = b"a\nb\nc\nd\ne\n"
ATTEMPT, OTHER = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def tried():
    """Count how often a program ran for each item."""
    return []


def killed(app, after):
    """Run so many items, then kill everything."""
    node = FakeNode(app.world.blobs, app.world.clock, app.program)
    node.killed_after = after
    return node


def run_with(app, tried, *steps):
    """Run a bundle of five items under a script of deaths; return the run."""
    echo = app.program
    app.program = lambda item: (tried.append(item.id), echo(item))[1]
    scripted(app, {"t000000": [killed(app, step) for step in steps]})
    app.upload("lines/a.txt", INPUT)
    app.settle()
    return app.only_run()


def test_finished_items_count_although_their_task_was_killed(app_with, tried):
    app = app_with(FIVE + "tolerance: {failed_items: 3}\n")
    run = run_with(app, tried, 2)
    assert (run.state, run.succeeded, run.failed) == ("succeeded", 2, 3)
    assert content_of(app, run) == b"0\n1\n"
    assert {one["cause"] for one in manifest_of(app, run)["missing"]} == {"program-failed"}
    assert tried == [0, 1]


def test_a_further_execution_goes_on_and_executes_nothing_twice(app_with, tried):
    app = app_with(FIVE + "retries: {program-failed: 2}\n")
    run = run_with(app, tried, 2, 1)
    assert (run.state, run.succeeded) == ("succeeded", 5)
    assert content_of(app, run) == b"0\n1\n2\n3\n4\n"
    assert tried == [0, 1, 2, 3, 4]


def test_a_journal_whose_outputs_are_gone_gives_its_items_another_execution(app_with, tried):
    app = app_with(FIVE)
    step = killed(app, 2)
    step.loses = lambda name: name.startswith("o-")
    ran = scripted(app, {"t000000": [step]})
    app.upload("lines/a.txt", INPUT)
    app.settle()
    assert (app.only_run().state, ran["t000000"]) == ("succeeded", 2)


def test_a_large_journal_is_read_again_because_its_row_cannot_hold_it(app_with, tried):
    text = BLOB + PLAIN + "split: {range: {stop: 3000, step: 1}}\nbundle: {items: 3000}\n"
    app = app_with(text + "tolerance: {failed_items: 100%}\n")
    run = run_with(app, tried, 1200)
    assert (run.state, run.succeeded, run.failed) == ("succeeded", 1200, 1800)


def line(**result):
    entry = {"id": 0, "outcome": "succeeded", "outputs": []} | result
    return json.dumps({"result": entry}).encode() + b"\n"


HEAD = json.dumps({"version": 1, "attempt": ATTEMPT, "after": []}).encode() + b"\n"
FOREIGN = {"name": "x", "blob": f"o-{OTHER}-0", "size": 0, "sha256": "0" * 64}


@pytest.mark.parametrize(
    "content",
    [
        b"no\n",
        b"[]\n",
        b"[" * 99_999 + b"\n",
        HEAD + line(id=7),
        HEAD + line(outputs=[FOREIGN]),
        HEAD + line(outputs=[FOREIGN | {"blob": "../x"}]),
        HEAD + line(outcome="failed"),
        HEAD.replace(b"[]", b'["x"]') + line(),
        b"\n" * (5 << 20),
    ],
)
def test_a_false_journal_counts_nothing(content):
    with pytest.raises(ReceiptInvalid):
        parse_journal(content, ATTEMPT, (0, 1))


def test_a_journal_may_end_within_a_line():
    assert len(parse_journal(HEAD + line() + b'{"resu', ATTEMPT, (0, 1)).items) == 1


def test_a_false_journal_changes_nothing_for_its_run(app_with, caplog, tried):
    app = app_with(FIVE + "retries: {program-failed: 1}\n")
    dies = killed(app, 2)

    def lies(spec):
        outcome = dies(spec)
        (name,) = (one for one in app.world.blobs.names("work") if one.endswith(".jsonl"))
        app.world.blobs.write(BlobRef("work", name), b"Trust me.\n")
        return outcome

    scripted(app, {"t000000": [lies]})
    app.upload("lines/a.txt", INPUT)
    app.settle()
    assert (app.only_run().state, app.only_run().succeeded) == ("succeeded", 5)
    assert "Journal not counted" in caplog.messages
