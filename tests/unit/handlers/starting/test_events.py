"""Which blob events start a run, and that strange, duplicate and reordered events do no harm."""

import json
import logging
from datetime import timedelta

import pytest

from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Permanent
from pipeline.handlers.doors import dispatch
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import BLOB, LINES, PLAIN, content_of, manifest_of

HOSTILE = "lines/$(touch x);'\"..%2f ü 名.mp4"


def test_a_hostile_blob_name_reaches_nothing_but_the_data(app_with):
    app = app_with()
    app.upload(HOSTILE, b"one\n")
    app.settle()
    run = app.only_run()
    assert run.state == "succeeded"
    assert manifest_of(app, run)["input"]["name"] == HOSTILE
    (task,) = (t for job in app.world.batch.jobs.values() for t in job.tasks.values())
    told = (task.spec.command, task.spec.id, *(file.path for file in task.spec.inputs))
    assert not any("touch" in text for text in told)
    assert {file.path for file in task.spec.inputs} == {"page.json", "in/input.mp4"}


def test_a_hostile_blob_name_is_escaped_in_logs(app_with, caplog):
    app = app_with()
    with caplog.at_level(logging.DEBUG, "fanfare"):
        app.upload("elsewhere/\n\x1b[31mRun ended", b"one\n")
        app.settle()
    (ignored,) = [record for record in caplog.records if hasattr(record, "blob")]
    assert ignored.blob == r"'elsewhere/\n\x1b[31mRun ended'"


@pytest.mark.parametrize("times", [2, 10])
def test_a_repeated_event_is_one_run(app_with, times):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    (body,) = app.world.queues.bodies("blob-events")
    for _ in range(times - 1):
        app.world.queues.send("blob-events", body)
    app.settle()
    app.world.queues.send("blob-events", body)  # and once more, when all is over
    app.settle()
    assert app.only_run().state == "succeeded"
    assert len(app.world.events.published) == 1


def test_the_same_blob_version_at_another_port_is_the_same_run(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    (body,) = app.world.queues.bodies("blob-events")
    app.world.queues.send("blob-events", body.replace("127.0.0.1:10000", "127.0.0.1:20000"))
    app.settle()
    assert app.only_run().state == "succeeded"


def test_events_out_of_order_leave_the_alias_with_the_newest_version(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"old\n")
    app.settle()
    bodies = app.world.queues
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    second, third = bodies.receive("blob-events", 2)
    bodies.send("blob-events", third.body)
    bodies.send("blob-events", second.body)
    bodies.delete("blob-events", second)
    bodies.delete("blob-events", third)
    app.settle()
    states = {run.input.size: run.state for run in app.all_runs()}
    assert states == {4: "succeeded", 8: "failed", 14: "succeeded"}
    alias = app.world.blobs.at("http://x/fanfare/output/job/latest/manifest.json")
    assert json.loads(app.world.blobs.read(alias))["input"]["size"] == 14


def test_a_blob_replaced_before_its_run_pinned_it_is_superseded(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    ended = {run.input.size: (run.state, run.cause) for run in app.all_runs()}
    assert ended == {4: ("failed", "superseded"), 8: ("succeeded", None)}
    assert len(app.world.events.published) == 2


def test_parameters_come_from_the_metadata_of_the_pinned_version(app_with):
    app = app_with(LINES + "parameters: {width: {type: integer, default: 1}}\n")
    app.world.blobs.put("input", "lines/a.txt", b"one\n", {"width": "3"})
    snapshot = app.world.blobs.snapshot

    def overtaken(ref, etag):
        taken = snapshot(ref, etag)
        if ref.container == "input" and etag == first.etag:
            app.world.blobs.put("input", "lines/a.txt", b"two\n", {"width": "8"})
        return taken

    first = app.world.blobs.head(BlobRef("input", "lines/a.txt"))
    app.world.blobs.snapshot = overtaken
    app.settle()
    assert {run.parameters["width"] for run in app.all_runs()} == {3, 8}


def test_an_input_that_cannot_be_pinned_is_not_called_superseded(app_with):
    app = app_with()
    error = Permanent("take a snapshot in input: 409 BlobArchived")
    app.through(Injector(at=("writer", "snapshot", 1), error=error).ports(app.world.ports))
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "plan-failed")
    assert "BlobArchived" in run.error


def test_a_blob_replaced_while_its_run_goes_is_another_run(app_with):
    app = app_with(LINES)
    app.program = lambda item: [("part", str(item.parameters["line"]).encode() + b"\n")]
    app.upload("lines/a.txt", b"old\n")
    app.pump()
    app.upload("lines/a.txt", b"new\n")
    app.settle()
    found = {run.input.sequencer: content_of(app, run) for run in app.all_runs()}
    assert [found[key] for key in sorted(found)] == [b"old\n", b"new\n"]


def test_a_blob_deleted_before_its_run_began_is_superseded(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.world.blobs.remove("input", "lines/a.txt")
    app.settle()
    assert app.only_run().cause == "superseded"


@pytest.mark.parametrize(
    ("container", "name", "content"),
    [
        ("input", "lines/empty.txt", b""),
        ("input", "lines/folder/", b""),
        ("input", "elsewhere/a.txt", b"one\n"),
        ("work", "lines/a.txt", b"one\n"),
        ("receipts", "lines/a.txt", b"one\n"),
        ("output", "lines/a.txt", b"one\n"),
    ],
)
def test_a_blob_that_no_pipeline_matches_starts_nothing_and_is_logged(
    app_with, caplog, container, name, content
):
    app = app_with()
    facts = app.world.blobs.put(container, name, content)
    event = app.world.blobs.created_event(facts.ref)
    with caplog.at_level(logging.DEBUG, "fanfare"):
        dispatch.handle(app.engine, Queue.BLOB_EVENTS, json.dumps(event))
        app.settle()
    assert app.all_runs() == []
    assert "Event ignored: no pipeline matches this blob" in caplog.messages


def test_an_api_that_the_trigger_does_not_list_starts_nothing(app_with):
    app = app_with(LINES.replace("prefix: lines/", "prefix: lines/, apis: [CopyBlob]"))
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert app.all_runs() == []


def test_an_event_of_another_kind_is_ignored(app_with):
    app = app_with()
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, '{"type": "Microsoft.Storage.BlobDeleted"}')
    assert app.world.queues.total() == 0


def test_both_envelopes_of_an_event_are_one_run(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    (body,) = app.world.queues.bodies("blob-events")
    cloud = json.loads(body)
    cloud = {
        "specversion": "1.0",
        "type": cloud["eventType"],
        "source": cloud["topic"],
        "time": cloud["eventTime"],
        **{key: cloud[key] for key in ("id", "subject", "data")},
    }
    app.world.queues.send("blob-events", json.dumps(cloud))
    app.settle()
    assert app.only_run().state == "succeeded"


def test_an_event_that_was_lost_is_found_by_comparing(app_with):
    app = app_with()
    app.pass_time()
    app.loses = lambda event: "/containers/input/" in str(event["subject"])
    app.upload("lines/a.txt", b"one\n")
    app.pass_time(timedelta(hours=1))
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_blob_older_than_the_pipeline_starts_nothing_by_itself(app_with):
    app = app_with()
    app.loses = lambda event: "/containers/input/" in str(event["subject"])
    app.upload("lines/old.txt", b"one\n")
    for _ in range(30):
        app.pass_time()
    assert app.all_runs() == []


def test_one_blob_starts_every_pipeline_that_it_matches(app_with):
    app = app_with(also={"other": BLOB + PLAIN + "split: {blobs: {}}\n"})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert sorted(run.pipeline for run in app.all_runs()) == ["job", "other"]
