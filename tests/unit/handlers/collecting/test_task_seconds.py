"""What the seconds of a task were for: download, run and upload, each None if it is unknown."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.runs.results import Receipt
from pipeline.handlers.ending import steer
from pipeline.ledger import tasks
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES
from tests.unit.handlers.nodes import lying, scripted

COMMAND = """
trigger: {blob: {container: input, prefix: lines/}}
split: {range: {start: 0, stop: 1, step: 1}}
task: {image: "registry.example/tools/encode:2", command: [encode, "{output}/a"]}
pool: boxes
assemble: {none: {}}
"""
ENDED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def receipt(ended_at):
    return Receipt(version=1, attempt="0" * 16, ended_at=ended_at, seconds=1.0, items=())


@pytest.mark.parametrize(
    ("ended_at", "later_s", "seconds"),
    [
        ("2026-01-02T03:04:05.000Z", 2.5, 2.5),
        ("2026-01-02T03:04:05.000Z", 0, 0.0),
        ("2026-01-02T03:04:05.000Z", -0.001, None),  # the node's clock is ahead
        ("2026-01-02T03:04:05.000Z", 8 * 86_400, None),  # longer than its access to blobs
        ("2026-01-02T03:04:05", 1, None),  # in no zone
        ("yesterday", 1, None),
        ("", 1, None),
    ],
)
def test_an_upload_is_known_or_not_but_never_negative(ended_at, later_s, seconds):
    came_at = ENDED + timedelta(seconds=later_s)
    assert receipt(ended_at).upload_seconds(came_at) == seconds


def test_without_a_time_of_the_blob_nothing_is_known_of_the_upload():
    assert receipt("2026-01-02T03:04:05.000Z").upload_seconds(None) is None


def one_row(app, **claims):
    """Run a task whose receipt claims this; return its row."""
    scripted(app, {"t000000": [lying(app, lambda receipt: receipt.update(claims))]})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert run.state == "succeeded"
    (row,) = tasks.results(app.world.tables, run.id, 1)
    return row


def test_a_row_has_download_run_and_upload_apart(app_with):
    app = app_with()
    ended = app.world.clock.now() - timedelta(seconds=3)
    row = one_row(app, download_seconds=12.5, seconds=5.0, ended_at=ended.isoformat())
    assert (row.download_seconds, row.seconds) == (12.5, 5.0)
    assert 3 <= row.upload_seconds < 4


def test_what_a_node_does_not_know_is_unknown_and_not_zero(app_with):
    app = app_with()
    ahead = app.world.clock.now() + timedelta(hours=1)
    row = one_row(app, ended_at=ahead.isoformat())
    assert (row.download_seconds, row.upload_seconds) == (None, None)


def test_a_receipt_whose_event_was_lost_tells_its_upload_by_the_blobs_own_time(app_with):
    app = app_with()
    app.loses = lambda event: "/receipts/" in str(event["subject"])
    ended = app.world.clock.now() - timedelta(seconds=30)
    row = one_row(app, ended_at=ended.isoformat())
    assert row.upload_seconds >= 29  # Storage tells whole seconds


def test_the_seconds_of_a_task_without_the_runner_are_not_told_apart(app_with):
    app = app_with(COMMAND)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert app.only_run().state == "succeeded"
    (row,) = tasks.results(app.world.tables, app.only_run().id, 1)
    assert (row.download_seconds, row.upload_seconds) == (None, None)


def test_the_run_sums_what_its_tasks_know_over_all_generations(app_with):
    app = app_with(LINES)
    app.program = lambda item: Failure() if item.id == 2 else [("a", b"x")]
    known = lying(app, lambda receipt: receipt.update(download_seconds=12.0, seconds=5.0))
    unknown = lying(app, lambda receipt: receipt.update(download_seconds=12.0, ended_at=""))
    scripted(app, {"t000000": [known, known], "t000001": [unknown], "t000002": [known]})
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()
    spent = app.only_run().task_seconds
    assert (spent.tasks, spent.download, spent.run) == (2, 24.0, 10.0)
    assert spent.upload >= 0
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    again = app.only_run()
    assert (again.generation, again.task_seconds.tasks, again.task_seconds.download) == (2, 3, 36.0)


def test_a_run_of_which_nothing_is_known_has_no_sum(app_with):
    app = app_with(LINES)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert app.only_run().task_seconds is None
