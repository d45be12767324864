"""What a run leaves in container `output`: files, manifest, alias."""

import json

import jsonschema_rs
import pytest

from pipeline.domain.catalogue.schema import manifest_schema
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.ending import steer
from pipeline.handlers.starting.tick import on_tick
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BLOB, LINES, content_of, manifest_of

NONE = BLOB + "split: {lines: {}}\nassemble: {none: {}}\n"


def alias(app, name="latest"):
    return json.loads(app.world.blobs.read(BlobRef("output", f"job/{name}/manifest.json")))


def test_outputs_can_stay_as_they_are(app_with):
    app = app_with(NONE, program=lambda item: [(f"{item.id}.txt", b"x")])
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    names = [file["name"] for file in manifest_of(app, app.only_run())["files"]]
    assert names == ["0.txt", "1.txt"]


def test_a_manifest_is_as_its_schema_says(app_with):
    fails = lambda item: Failure() if item.id else [("a.txt", b"x")]  # noqa: E731 - one item in two
    app = app_with(NONE + "tolerance: {failed_items: 1}\n", program=fails)
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    written = manifest_of(app, app.only_run())
    jsonschema_rs.validate(manifest_schema(), written)
    assert set(written) == set(manifest_schema()["properties"])
    assert len(written["missing"]) == len(written["files"]) == 1


def test_equal_names_get_the_number_of_their_item(app_with):
    app = app_with(NONE)
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    names = [file["name"] for file in manifest_of(app, app.only_run())["files"]]
    assert names == ["000000/part.txt", "000001/part.txt"]


def test_an_output_that_is_called_like_the_manifest_ends_the_run(app_with):
    app = app_with(NONE, program=lambda _item: [("manifest.json", b"{}")])
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert app.world.blobs.names("output") == []


@pytest.mark.parametrize("name", ["CON", "a/b/c.txt", "ü 名.txt", "%2e%2e", "chosen.json"])
def test_odd_output_names_survive(app_with, name):
    app = app_with(NONE, program=lambda _item: [(name, b"content")])
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert content_of(app, app.only_run()) == b"content"


def test_the_alias_follows_the_newest_input_only_forward(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.world.clock.advance(seconds=5)
    app.upload("lines/b.txt", b"one\ntwo\n")
    app.pump()
    older, newer = sorted((run for run in app.all_runs()), key=lambda run: run.created_at)
    node = app.world.node(app.program)
    for run in (newer, older):
        for task in app.world.batch.active(run.job):
            app.world.batch.run_task(run.job, task, node)
        app.pump()
    assert {run.state for run in app.all_runs()} == {"succeeded"}
    assert alias(app)["run"] == newer.id


def test_the_alias_of_a_redrive_is_moved(app_with):
    app = app_with(LINES + "tolerance: {failed_items: 1}\n")
    app.program = lambda item: Failure() if item.id else [("p", b"x")]
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    app.program = lambda _item: [("p", b"x")]
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    assert (alias(app)["generation"], alias(app)["succeeded"]) == (2, 2)


def test_an_alias_that_is_never_overwritten_stays(app_with):
    app = app_with(LINES + "output: {alias: input-name, overwrite: never}\n")
    for content in (b"one\n", b"one\ntwo\n"):
        app.upload("lines/a.txt", content)
        app.settle()
    assert alias(app, "by-name/lines/a.txt")["input"]["size"] == 4


@pytest.mark.parametrize("length", [893, 1000, 1018])
def test_a_long_input_name_does_not_break_the_alias(app_with, length):
    app = app_with(LINES + "output: {alias: input-name}\n")
    app.upload("lines/" + "n" * length, b"one\n")
    app.settle()
    assert app.only_run().state == "succeeded"
    assert [n for n in app.world.blobs.names("output") if n.startswith("job/by-name/lines/nnn")]


def test_an_alias_that_many_move_at_once_is_tried_again(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    real = app.world.blobs.write
    meddled = []

    def write(ref, content, condition=None, content_type=""):
        if ref.name == "job/latest/manifest.json" and not meddled:
            meddled.append(real(ref, app.world.blobs.read(ref)))
        return real(ref, content, condition, content_type)

    app.world.blobs.write = write
    app.world.clock.advance(minutes=1)
    app.upload("lines/b.txt", b"one\n")
    app.settle()
    assert meddled
    assert alias(app)["input"]["name"] == "lines/b.txt"


def test_an_input_with_nothing_to_do_says_so(app_with):
    app = app_with(LINES.replace("lines: {}", "lines: {skip_header: true}"))
    app.upload("lines/a.txt", b"header\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "plan-failed")
    assert "nothing to do" in run.error


def test_a_schedule_moves_its_alias_too(app_with):
    app = app_with(
        LINES.replace(
            "trigger: {blob:", "trigger: {schedule: {cron: '0 0 * * * *'}, blob:"
        ).replace("lines: {}", "range: {stop: 1, step: 1}")
    )
    on_tick(app.engine)
    app.world.clock.advance(hours=1)
    on_tick(app.engine)
    app.settle()
    assert alias(app)["input"] is None


@pytest.mark.parametrize("content", [b"", b"not json", b'{"version": 7}'])
def test_an_alias_that_is_not_a_manifest_delays_no_verdict(app_with, content):
    app = app_with()
    app.world.blobs.put("output", "job/latest/manifest.json", content)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert app.only_run().state == "succeeded"
    assert alias(app)["run"] == app.only_run().id
