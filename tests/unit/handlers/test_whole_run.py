"""A run from upload to announcement, in memory."""

import json

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.ending import steer
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES


def test_an_upload_becomes_one_announced_output(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()
    run = app.only_run()
    assert run.state is State.SUCCEEDED
    manifest = json.loads(app.world.blobs.read(BlobRef("output", f"job/{run.id}/g1/manifest.json")))
    (file,) = manifest["files"]
    assert app.world.blobs.read(app.world.blobs.at(file["url"])) == b"0\n1\n2\n"
    assert [event["type"] for event in app.world.events.published] == ["fanfare.run.succeeded"]


def test_the_same_event_ten_times_is_one_run(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    (body,) = app.world.queues.bodies("blob-events")
    for _ in range(9):
        app.world.queues.send("blob-events", body)
    app.settle()
    assert app.only_run().state is State.SUCCEEDED
    assert len(app.world.events.published) == 1


def test_a_failed_item_fails_the_run_and_redrive_runs_only_that(app_with):
    ran = []

    def program(item):
        ran.append(item.id)
        return Failure() if item.id == 1 and len(ran) < 4 else [("part.txt", b"%d\n" % item.id)]

    app = app_with(program=program)
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()
    failed = app.only_run()
    assert (failed.state, failed.cause) == (State.FAILED, "program-failed")
    steer.redrive(app.engine, failed.id)
    app.settle()
    again = app.only_run()
    assert (again.state, again.generation, ran) == (State.SUCCEEDED, 2, [0, 1, 2, 1])
    assert again.succeeded == 3
    assert len(app.world.events.published) == 2


def test_a_tolerated_failure_still_assembles_and_names_what_is_missing(app_with):
    app = app_with(LINES + "tolerance: {failed_items: 1}\n")
    app.program = lambda item: Failure() if item.id == 1 else [("p", b"%d\n" % item.id)]
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()
    assert app.only_run().state is State.SUCCEEDED
    (event,) = app.world.events.published
    assert [missing["item"] for missing in event["data"]["missing"]] == [1]
