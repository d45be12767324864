"""Definitions of other releases: defaults that never change, and runs that nobody can read."""

import json
import logging
from pathlib import Path

import pytest

from pipeline.handlers.doors import http
from tests.compatibility.defaults import defaults

FOLDER = Path(__file__).parent / "releases"
RELEASES = sorted(FOLDER.glob("*-defaults.json"))
MINUTES_OF_AN_UPDATE = 5


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.name)
def test_a_default_never_changes_within_a_format(path):
    """A stored definition omits defaults: another value would change active runs.

    A group may get another key with a default of its own.
    """
    then, now = json.loads(path.read_text("utf-8")), defaults()
    assert {key: of_old_keys(now.get(key), then[key]) for key in then} == then


def of_old_keys(now, then):
    """Leave out the keys that a group did not have."""
    groups = isinstance(now, dict) and isinstance(then, dict)
    return {key: now[key] for key in now.keys() & then.keys()} if groups else now


def of_a_later_release(app):
    """Start a run, and add a key that only a later release knows to its stored definition."""
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    row = app.world.tables.get("runs", "job", app.only_run().id)
    row.values["definition"] = json.dumps({**json.loads(row.values["definition"]), "later": 1})


def test_a_run_whose_definition_cannot_be_read_ends_with_that_cause(app_with):
    app = app_with()
    of_a_later_release(app)
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "definition-unreadable")
    assert "later" in run.error and "start a new run" in run.error
    (event,) = app.world.events.published
    assert event["data"]["cause"] == "definition-unreadable"
    assert app.world.batch.active(run.job) == []


def test_it_is_left_to_instances_of_the_later_release_for_as_long_as_an_update_takes(app_with):
    app = app_with()
    of_a_later_release(app)
    for _ in range(MINUTES_OF_AN_UPDATE):
        app.pass_time()
        app.pump()
    assert not app.only_run().over


def test_it_can_be_shown_and_cancelled_but_not_redriven(app_with, caplog):
    app = app_with()
    of_a_later_release(app)
    run = app.only_run().id
    with caplog.at_level(logging.CRITICAL):
        assert http.answering(lambda: http.show_run(app.engine, run)).status == 200
        assert http.answering(lambda: http.cancel_run(app.engine, run)).status == 202
        again = http.answering(lambda: http.redrive_run(app.engine, run))
    assert (again.status, app.only_run().state) == (409, "cancelled")
    assert "later release" in str(again.body["error"])


def test_a_waiting_run_that_cannot_be_read_blocks_no_other(app_with):
    app = app_with(also={"job2": LIMITED})
    for name in "abc":
        app.upload(f"job2/{name}.txt", b"one\n")
    app.pump()
    waiting = next(run for run in app.all_runs() if run.state == "waiting")
    app.world.tables.get("runs", "job2", waiting.id).values["definition"] = "{}"
    app.settle()
    assert sorted(str(run.state) for run in app.all_runs()) == ["failed", "succeeded", "succeeded"]


LIMITED = """
trigger: {blob: {container: input, prefix: job2/}}
split: {lines: {}}
task: {program: work.py, arguments: ["{output}"]}
pool: cpu
assemble: {none: {}}
max_concurrent_runs: 1
"""
