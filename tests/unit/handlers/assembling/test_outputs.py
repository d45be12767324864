"""What a run leaves in container `output`: files, manifest, alias."""

import hashlib
import json

import jsonschema_rs
import pytest

from pipeline.domain.catalogue.schema import manifest_schema
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.assembling import assemblers, copying
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


ASSEMBLERS = {
    "plain": "concatenate: {format: plain, name: all.bin}",
    "csv": "concatenate: {format: csv, name: all.csv}",
    "jsonl": "concatenate: {format: jsonl, name: all.jsonl}",
    "zip": "zip: {name: all.zip}",
    "reduce": "reduce: {name: all.json, fields: {n: sum}}",
    "none": "none: {}",
}
KINDS = {
    "all.bin": "application/octet-stream",
    "all.csv": "text/csv",
    "all.jsonl": "application/x-ndjson",
    "all.zip": "application/zip",
    "all.json": "application/json",
    "part.json": "application/json",
}


def number(item):
    """Write what every assembler takes: a JSON object on one line, which is also a table."""
    return [("part.json", b'{"n":%d}' % item.id if item.id else b'{"n":1}')]


@pytest.mark.parametrize("assembler", ASSEMBLERS)
@pytest.mark.parametrize(("streamed", "small"), [(0, 0), (1 << 20, 0), (1 << 20, 1 << 20)])
def test_size_digest_and_content_type_are_those_of_the_bytes_in_output(
    app_with, monkeypatch, assembler, streamed, small
):
    monkeypatch.setattr(assemblers, "STREAMED", streamed)
    monkeypatch.setattr(copying, "SMALL", small)
    text = BLOB + f"split: {{lines: {{}}}}\nassemble: {{{ASSEMBLERS[assembler]}}}\n"
    app = app_with(text, program=number)
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    files = manifest_of(app, app.only_run())["files"]
    assert files
    for file in files:
        ref = app.world.blobs.at(file["url"])
        content = app.world.blobs.read(ref)
        assert file["size"] == len(content)
        assert file["digest"] == {
            "algorithm": "sha256",
            "value": hashlib.sha256(content).hexdigest(),
        }
        kind = KINDS[file["name"].rsplit("/", 1)[-1]]
        assert app.world.blobs.head(ref).content_type == file["content_type"] == kind


@pytest.mark.parametrize("small", [0, 1 << 20])
@pytest.mark.parametrize("assembler", [name for name in ASSEMBLERS if name != "plain"])
def test_bytes_that_are_not_those_that_the_node_wrote_are_no_output(
    app_with, monkeypatch, assembler, small
):
    monkeypatch.setattr(copying, "SMALL", small)
    text = BLOB + f"split: {{lines: {{}}}}\nassemble: {{{ASSEMBLERS[assembler]}}}\n"
    app = app_with(text, program=number)
    node = app.world.node(number)

    def spoiling(spec):
        outcome = node(spec)
        for facts in app.world.blobs.list("work", app.only_run().names.outputs()):
            app.world.blobs.write(facts.ref, b'{"n":2}')
        return outcome

    app.execute = spoiling
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert run.state == "failed"
    assert "part.json" in run.error
    assert not [name for name in app.world.blobs.names("output") if "manifest" in name]


def test_items_that_wrote_nothing_are_counted(app_with):
    app = app_with(NONE, program=lambda item: [("a.txt", b"x")] if item.id else [])
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    counted = {"succeeded": 2, "failed": 0, "without_output": 1}
    assert app.world.events.published[-1]["data"]["items"] == counted
    assert manifest_of(app, app.only_run())["without_output"] == 1
