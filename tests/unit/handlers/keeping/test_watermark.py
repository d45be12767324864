"""Below the watermark runs are forgotten: nothing there starts by itself, whatever comes again."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Transient
from pipeline.handlers.keeping.retention import retain
from pipeline.handlers.starting import lost_events
from pipeline.handlers.starting.lost_events import is_below_watermark, rerun, without_run
from pipeline.handlers.starting.start import start_for_request
from pipeline.ledger.keeping.retention import watermark
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BODY, PLAIN, REQUEST, manifest_of
from tests.unit.handlers.keeping.conftest import SEARCH

AFTER = f"trigger: {{run: {{pipeline: job, on: failed}}}}\n{BODY}{PLAIN}split: {{lines: {{}}}}"
EVER = datetime.min.replace(tzinfo=UTC)


def forgotten(app):
    """Let the run become a tombstone, and be forgotten."""
    retain(app.engine)
    app.world.clock.advance(days=70)
    lost_events.sweep_events(app.engine)
    retain(app.engine)
    assert app.all_runs() == []


def left_over(app) -> list:
    pipeline = app.engine.catalogue.pipeline("job")
    found = app.world.blobs.list("input", "lines/")
    return list(without_run(app.engine, pipeline, found, (EVER, app.engine.now)))


def test_a_forgotten_run_leaves_nothing_in_the_ledger_and_no_backup(old):
    app = old()
    forgotten(app)
    rows = [row for name in ("runs", "tasks", "progress") for row in app.world.tables.rows(name)]
    assert sorted(row.key for row in rows) == ["!events", "!retention", "job", "minute", SEARCH]
    assert app.world.blobs.names("engine") == [".backup/pipelines/job.json"]
    assert app.world.blobs.names("output")


def test_a_late_duplicate_of_its_event_starts_nothing(old, caplog):
    app = old()
    event = json.dumps(app.world.blobs.created_event(BlobRef("input", "lines/a.txt")))
    forgotten(app)
    app.world.queues.send("blob-events", event)
    app.settle()
    assert app.all_runs() == []
    assert any("below the watermark" in message for message in caplog.messages)


def test_a_change_of_its_metadata_starts_nothing(old):
    app = old()
    forgotten(app)
    app.world.blobs.describe("input", "lines/a.txt", seen="yes")
    app.world.clock.advance(hours=2)
    lost_events.sweep_events(app.engine)
    app.settle()
    assert app.all_runs() == []


def test_a_new_version_of_its_blob_starts_a_run(old):
    app = old()
    forgotten(app)
    app.upload("lines/a.txt", b"new\n")
    app.settle()
    assert [run.state for run in app.all_runs()] == ["succeeded"]


def test_backfill_starts_it_only_when_it_is_told_to_and_only_once(old):
    app = old()
    forgotten(app)
    pipeline = app.engine.catalogue.pipeline("job")
    assert list(lost_events.unclaimed(app.engine, pipeline, EVER, app.engine.now)) == []
    (facts,) = left_over(app)
    started = [rerun(app.engine, pipeline, facts) for _ in range(2)]
    assert [one.created for one in started] == [True, False]
    app.settle()
    run = app.only_run()
    assert (run.generation, run.state) == (2, "succeeded")
    assert manifest_of(app, run)["generation"] == 2
    ids = [event["id"] for event in app.world.events.published]
    assert ids == [f"{run.id}-g1-succeeded", f"{run.id}-g2-succeeded"]
    assert left_over(app) == []


def test_blobs_that_are_older_than_the_pipeline_are_backfilled_as_ever(app_with):
    app = app_with()
    app.loses = lambda _event: True
    app.world.blobs.put("input", "lines/archive.txt", b"one\n")
    app.world.clock.advance(days=400)
    app.pass_time()
    retain(app.engine)
    (facts,) = left_over(app)
    assert not is_below_watermark(app.engine, app.engine.catalogue.pipeline("job"), facts)


def test_the_watermark_stays_behind_the_search_for_lost_events(old):
    app = old()
    retain(app.engine)
    app.world.clock.advance(days=70)
    retain(app.engine)  # no search for lost events since the run
    assert watermark(app.world.tables, "job") is None
    assert len(app.all_runs()) == 1


def test_an_event_that_was_lost_for_long_still_starts_its_run(old):
    app = old(days=0)
    app.loses = lambda event: "/receipts/" not in str(event["subject"])
    app.upload("lines/lost.txt", b"one\n")
    app.world.clock.advance(days=100)  # nothing ran all that time
    app.loses = lambda _event: False
    retain(app.engine)
    lost_events.sweep_events(app.engine)
    app.settle()
    assert {run.input.name: str(run.state) for run in app.all_runs()}["lines/lost.txt"]
    retain(app.engine)
    assert "lines/lost.txt" in {run.input.name for run in app.all_runs()}


def test_a_key_of_a_request_is_known_as_long_as_its_tombstone(app_with):
    app = app_with(REQUEST + "split: {range: {stop: 1, step: 1}}\n")
    pipeline = app.engine.catalogue.pipeline("job")

    def ask():
        return start_for_request(app.engine, pipeline, "key", None, {}).created

    assert ask()
    app.settle()
    for days, new in ((32, False), (50, False), (30, True)):
        app.world.clock.advance(days=days)
        retain(app.engine)
        assert ask() is new


def test_a_follower_is_remembered_while_the_verdict_before_it_waits(old):
    app = old(days=0, also={"after": AFTER}, program=lambda _item: Failure())

    class Silent:
        def publish(self, event):
            if event["data"]["pipeline"] == "job":
                raise Transient("503: the topic is busy")

    app.through(replace(app.world.ports, events=Silent()))
    app.upload("lines/b.txt", b"one\n")
    app.settle(patience=timedelta(minutes=20))
    app.world.clock.advance(days=200)
    for _ in range(3):
        lost_events.sweep_events(app.engine)
        retain(app.engine)
    assert {run.pipeline for run in app.all_runs()} == {"job", "after"}
