"""A version of an input is a version of its content, whatever happens to the rest of the blob."""

import json
from datetime import timedelta

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.starting import lost_events
from pipeline.ports.tables import Remove, Replace, Row
from tests.depth import more
from tests.unit.handlers.conftest import BLOB, LINES, PLAIN

NEW = ("created", "md5")
NAME = "lines/a.txt"
LATE = timedelta(minutes=20)
APPEND = BLOB.replace("prefix: lines/", "prefix: lines/, append_idle: 30m") + PLAIN
IDLE = APPEND + "split: {lines: {}}\n"


def watched(app):
    lost_events.activate(app.engine)
    return app


def swept(app) -> int:
    """Let every event become overdue, then search for lost ones."""
    app.world.clock.advance(LATE)
    return lost_events.sweep_events(app.engine)


def states(app):
    """Return how the runs ended, first to last."""
    return [str(run.cause or run.state) for run in reversed(app.all_runs())]


def test_a_change_of_metadata_is_no_new_version(app_with):
    app = watched(app_with())
    app.upload(NAME, b"one\n")
    app.settle()
    app.world.blobs.describe("input", NAME, owner="ann")
    assert swept(app) == 0
    assert states(app) == ["succeeded"]


@pytest.mark.parametrize("api", ["PutBlob", "PutBlockList"])
def test_an_overwrite_is_a_new_version_however_fast_and_like_the_old_one(app_with, api):
    app = watched(app_with())
    for content in (b"one\n", b"two\n", b"two\n"):
        app.world.blobs._store(BlobRef("input", NAME), content, api)
        app.settle()
    assert states(app) == ["succeeded"] * 3
    assert swept(app) == 0


def test_an_overwrite_whose_event_was_lost_is_found(app_with):
    app = watched(app_with())
    app.upload(NAME, b"one\n")
    app.settle()
    app.loses = lambda event: "/receipts/" not in str(event["subject"])
    app.upload(NAME, b"two\n")
    assert swept(app) == 1
    app.settle()
    assert states(app) == ["succeeded"] * 2


def test_a_lost_event_and_a_late_one_start_one_run_though_the_etag_changed(app_with):
    app = watched(app_with())
    app.loses = lambda _event: True
    app.upload(NAME, b"one\n")
    late = app.world.blobs.created_event(BlobRef("input", NAME))
    app.world.clock.advance(minutes=1)
    app.world.blobs.describe("input", NAME, owner="ann")
    app.loses = lambda _event: False
    assert swept(app) == 1
    app.settle()
    app._hear(late)
    app.settle()
    assert states(app) == ["succeeded"]


def test_a_change_of_metadata_before_the_pin_makes_another_run_at_once(app_with):
    app = watched(app_with())
    app.upload(NAME, b"one\n")
    app.claim()
    app.world.clock.advance(minutes=1)
    app.world.blobs.describe("input", NAME, owner="ann")
    app.settle(patience=timedelta(minutes=5))
    assert states(app) == ["superseded", "succeeded"]
    assert swept(app) == 0


def test_a_growing_blob_in_the_place_of_a_version_starts_nothing(app_with):
    app = watched(app_with())
    app.upload(NAME, b"one\n")
    app.claim()
    app.world.blobs.remove("input", NAME)
    app.loses = lambda _event: True
    app.world.blobs.append("input", NAME, b"two\n")
    app.loses = lambda _event: False
    app.settle(patience=timedelta(minutes=5))
    assert states(app) == ["superseded"]


def test_a_version_that_is_overwritten_before_its_event_arrives_ends_as_superseded(app_with):
    app = watched(app_with())
    app.upload(NAME, b"one\n")
    app.upload(NAME, b"two\n")
    app.settle()
    assert states(app) == ["superseded", "succeeded"]


@pytest.mark.parametrize("second_is_lost", [False, True])
def test_an_overwritten_version_whose_event_is_late_ends_as_superseded(app_with, second_is_lost):
    app = watched(app_with())
    app.loses = lambda _event: True
    app.upload(NAME, b"one\n")
    late = app.world.blobs.created_event(BlobRef("input", NAME))
    app.world.clock.advance(minutes=1)
    app.loses = lambda _event: second_is_lost
    app.upload(NAME, b"two, and more\n")
    app.loses = lambda _event: False
    app.settle()
    assert swept(app) == second_is_lost
    app.settle()
    app._hear(late)
    app.settle()
    assert states(app) == ["succeeded", "superseded"]


def test_a_run_that_began_before_the_event_of_its_version_gets_the_sequencer_of_the_event(app_with):
    """Only sequencers order versions that were written within one second."""
    app = watched(app_with())
    app.upload(NAME, b"one\n")
    app.claim()
    app.upload(NAME, b"two\n")
    while app.take("work"):  # the first version is gone, so the run of the second begins
        continue
    assert sorted(run.input.sequencer > "" for run in app.all_runs()) == [False, True]
    app.settle()
    first, second = sorted(app.all_runs(), key=lambda run: run.input.sequencer)
    assert "" < first.input.sequencer < second.input.sequencer
    assert states(app) == ["superseded", "succeeded"]


def test_an_input_that_is_deleted_before_it_is_pinned_ends_as_superseded(app_with):
    app = watched(app_with())
    app.upload(NAME, b"one\n")
    app.claim()
    app.world.blobs.remove("input", NAME)
    app.settle()
    assert states(app) == ["superseded"]


def test_a_growing_blob_starts_nothing(app_with):
    app = watched(app_with())
    for line in (b"one\n", b"two\n"):
        app.world.blobs.append("input", NAME, line)
        assert swept(app) == 0
    assert app.all_runs() == []


def test_an_event_about_a_growing_blob_starts_nothing(app_with):
    app = watched(app_with())
    app.world.blobs.append("input", NAME, b"one\n")
    event = app.world.blobs.created_event(BlobRef("input", NAME))
    event["data"]["blobType"] = "AppendBlob"
    app._hear(event)
    app.settle()
    assert app.all_runs() == []


def test_a_blob_that_has_grown_for_the_last_time_starts_once_if_the_trigger_says_when(app_with):
    app = watched(app_with(IDLE))
    app.world.blobs.append("input", NAME, b"one\n")
    assert swept(app) == 0  # 20 minutes
    app.world.blobs.append("input", NAME, b"two\n")
    assert swept(app) == 0
    assert (
        swept(app) == 0
    )  # 40 minutes, but the event of a blob that was complete at 30 is not late
    assert swept(app) == 1
    app.settle()
    assert states(app) == ["succeeded"]
    assert swept(app) == 0
    app.world.blobs.append("input", NAME, b"three\n")
    assert [swept(app) for _ in range(4)] == [0, 0, 1, 0]


HIERARCHICAL = LINES.replace(
    "prefix: lines/", "prefix: lines/, apis: [PutBlob, SftpCommit, RenameFile]"
)


def renamed(app, name: str, url: str = "https://a.dfs.core.windows.net/input/") -> dict:
    return {
        "id": "rename-1",
        "subject": "/blobServices/default/containers/input/blobs/before.txt",
        "eventType": "Microsoft.Storage.BlobRenamed",
        "eventTime": app.engine.now.isoformat(),
        "data": {
            "api": "RenameFile",
            "sourceUrl": f"{url}before.txt",
            "destinationUrl": url + name,
            "sequencer": "01",
        },
    }


def test_an_upload_by_sftp_is_a_trigger_where_it_is_asked_for(app_with):
    for text, runs in ((HIERARCHICAL, 1), (LINES, 0)):
        app = app_with(text)
        app.loses = lambda _event: True
        app.upload(NAME, b"one\n")
        app.loses = lambda _event: False
        app._hear(app.world.blobs.created_event(BlobRef("input", NAME), "SftpCommit"))
        app.settle()
        assert len(app.all_runs()) == runs


def test_a_rename_is_a_trigger_for_the_new_name_where_it_is_asked_for(app_with):
    for text, runs in ((HIERARCHICAL, 1), (LINES, 0)):
        app = app_with(text)
        app.loses = lambda event: "lines" in str(event["subject"])
        app.upload("lines/ä b.txt", b"one\n")
        app._hear(renamed(app, "lines/%C3%A4%20b.txt"))
        app._hear(renamed(app, "lines/%C3%A4%20b.txt"))
        app.settle()
        assert [run.input.name for run in app.all_runs()] == ["lines/ä b.txt"] * runs


def test_a_rename_of_what_is_gone_starts_nothing(app_with):
    app = app_with(HIERARCHICAL)
    app._hear(renamed(app, "lines/gone.txt"))
    app.settle()
    assert app.all_runs() == []


def test_an_upgrade_starts_nothing(app_with):
    app = watched(app_with(LINES))
    for number in range(more(30, 1000)):
        app.upload(f"lines/{number}.txt", b"one\n")
    app.settle()
    _forget_what_the_earlier_release_did_not_store(app)
    pipeline = app.engine.catalogue.pipelines["job"]
    assert swept(app) == 0
    far = app.engine.now + timedelta(days=1)
    since = app.engine.now - timedelta(days=100)
    assert list(lost_events.unclaimed(app.engine, pipeline, since, far)) == []


def _forget_what_the_earlier_release_did_not_store(app):
    tables = app.world.tables
    for row in list(tables.query("runs", "job")):
        if row.key.startswith("of:"):
            tables.transact("runs", "job", [Remove(row.key)])
        elif "input_json" in row.values:
            source = json.loads(row.values["input_json"])
            kept = {name: value for name, value in source.items() if name not in NEW}
            values = {**row.values, "input_json": json.dumps(kept)}
            tables.transact("runs", "job", [Replace(Row("job", row.key, values, row.etag))])
