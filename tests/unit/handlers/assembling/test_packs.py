"""Small outputs of a bundle share a blob; what is made of them is as if each had its own."""

import io
import json
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Transient
from pipeline.handlers.assembling import assemblers
from pipeline.handlers.ending import steer
from tests.fakes.batch import Outcome
from tests.fakes.crash import Injector
from tests.fakes.node import Failure, FakeNode
from tests.unit.handlers.conftest import BLOB, LINES, content_of, manifest_of

BUNDLED = "bundle: {items: 4}\n"
SPLIT = BLOB + "split: {lines: {}}\n" + BUNDLED
NONE = SPLIT + "assemble: {none: {}}\n"
ZIP = SPLIT + "assemble: {zip: {name: all.zip}}\n"
REDUCE = SPLIT + "assemble: {reduce: {name: sum.json, fields: {n: sum}}}\n"
PROGRAM = SPLIT + ("assemble: {program: {program: join.py, arguments: ['{parts}', '{output}']}}\n")
TEXT = b"".join(b"%d\n" % number for number in range(10))


def ran(app_with, text: str, program=None, **more):
    app = app_with(text, **({"program": program} if program else {}), **more)
    app.upload("lines/a.txt", TEXT)
    app.settle()
    return app


def outputs(app) -> list[str]:
    return [name for name in app.world.blobs.names("work") if "/out/" in name]


def test_the_small_outputs_of_a_task_are_one_blob(app_with):
    app = ran(app_with, LINES + BUNDLED)
    assert content_of(app, app.only_run()) == TEXT
    assert len(outputs(app)) == 3


def test_a_large_output_stays_a_blob_of_its_own(app_with):
    large = b"x" * ((1 << 20) + 1)
    app = ran(app_with, NONE, lambda item: [("a", b"s"), ("b", large), ("c", b"t")])
    assert len(outputs(app)) == 3 + 10
    files = {f["name"]: f["size"] for f in manifest_of(app, app.only_run())["files"]}
    assert sorted(set(files.values())) == [1, len(large)]


def test_pack_false_gives_each_output_its_own_blob(app_with):
    app = ran(app_with, LINES + "bundle: {items: 4, pack: false}\n")
    assert content_of(app, app.only_run()) == TEXT
    assert len(outputs(app)) == 10


@pytest.mark.parametrize("content", [lambda n: b"%d" % n, lambda n: b"" if n % 3 else b"zero"])
def test_files_of_the_output_are_whole(app_with, content):
    app = ran(app_with, NONE, lambda item: [(f"{item.id}.txt", content(item.id))])
    for number in range(10):
        ref = app.only_run().names.output(f"{number}.txt")
        assert app.world.blobs.read(ref) == content(number)


def test_an_archive_has_each_output(app_with):
    app = ran(app_with, ZIP, lambda item: [(f"{item.id}.txt", b"%d" % item.id)])
    with zipfile.ZipFile(io.BytesIO(content_of(app, app.only_run()))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            f"{number}.txt": b"%d" % number for number in range(10)
        }


def test_numbers_are_reduced(app_with):
    app = ran(app_with, REDUCE, lambda item: [("n.json", json.dumps({"n": item.id}).encode())])
    assert json.loads(content_of(app, app.only_run())) == {"n": sum(range(10))}


def test_an_assembler_program_gets_each_part_as_a_file(app_with):
    def work(item):
        if item.page["program"]["file"] != "join.py":
            return [("part.txt", b"%d\n" % item.id)]
        return [("all.txt", b"".join(item.files[p["file"]] for p in item.json("parts.json")))]

    app = ran(app_with, PROGRAM, work)
    assert content_of(app, app.only_run()) == TEXT


def test_parts_that_lie_one_after_another_are_composed_as_one(app_with, monkeypatch):
    monkeypatch.setattr(assemblers, "STREAMED", 10)
    staged = []
    app = app_with(LINES + BUNDLED)
    writer = app.world.ports.writer

    class Watching:
        def __getattr__(self, name):
            return getattr(writer, name)

        def stage(self, ref, block, content):
            staged.append(content)
            writer.stage(ref, block, content)

    app.through(replace(app.world.ports, writer=Watching()))
    app.upload("lines/a.txt", TEXT)
    app.settle()
    assert content_of(app, app.only_run()) == TEXT
    assert len(staged) == 3


def test_a_pack_is_read_in_one_pass(app_with):
    calls = Injector()
    app = app_with(LINES + BUNDLED)
    app.through(calls.ports(app.world.ports))
    app.upload("lines/a.txt", TEXT)
    app.settle()
    assert sum(call.verb == "stream" for call in calls.trace) <= 3 + 1 + 1  # packs, input, result


def test_a_lost_pack_is_made_again(app_with):
    app = app_with(LINES + BUNDLED)
    node = FakeNode(app.world.blobs, app.world.clock, app.program)
    lost: list[str] = []

    def execute(spec) -> Outcome:
        node.loses = lambda name: name.startswith("o-") and not lost and not lost.append(name)
        return node(spec)

    app.execute = execute
    app.upload("lines/a.txt", TEXT)
    app.settle()
    assert lost
    assert content_of(app, app.only_run()) == TEXT


def test_a_redrive_takes_parts_of_both_generations(app_with):
    third = lambda item: Failure() if item.id % 3 else [("p", b"%d\n" % item.id)]  # noqa: E731
    app = ran(app_with, LINES + BUNDLED, third)
    assert app.only_run().state == "failed"
    app.program = lambda item: [("p", b"%d\n" % item.id)]
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    assert content_of(app, app.only_run()) == TEXT


def claimed(app, change) -> None:
    """Let each node change what it claims of its outputs, and the run go to its end."""
    node = FakeNode(app.world.blobs, app.world.clock, app.program)
    write = node.blobs.write

    def lying(ref: BlobRef, content: bytes, *more) -> str:
        if "/r-" in ref.name:
            receipt = json.loads(content)
            for item in receipt["items"]:
                item["outputs"] = [change(output) for output in item["outputs"]]
            content = json.dumps(receipt).encode()
        return write(ref, content, *more)

    node.blobs = SimpleNamespace(read=app.world.blobs.read, at=app.world.blobs.at, write=lying)
    app.execute = node
    app.upload("lines/a.txt", TEXT)
    app.settle()


@pytest.mark.parametrize(
    "lie",
    [
        {"offset": 10**9},
        {"offset": 1, "size": 4},
        {"offset": -1},
        {"offset": 0, "size": 5 << 20},
        {"offset": 1.5},
        {"offset": "0"},
        {"offset": None},
        {"sha256": "0" * 64},
    ],
)
@pytest.mark.parametrize("text", [LINES + BUNDLED, NONE])
def test_a_false_claim_about_a_pack_is_no_wrong_success(app_with, text, lie):
    app = app_with(text, program=lambda item: [(f"{item.id}.txt", b"%d\n" % item.id)])
    claimed(app, lambda output: {**output, **lie})
    run = app.only_run()
    assert run.state == "failed"


def test_a_commit_that_was_interrupted_goes_on(app_with):
    app = app_with(NONE, program=lambda item: [(f"{item.id}.txt", b"%d" % item.id)])
    writer = app.world.ports.writer
    writes = []

    class Failing:
        def __getattr__(self, name):
            return getattr(writer, name)

        def write(self, ref, *args, **more):
            if ref.container == "output" and not ref.name.endswith("manifest.json"):
                writes.append(ref)
                if len(writes) == 6:
                    raise Transient("The service is busy.")
            return writer.write(ref, *args, **more)

    app.through(replace(app.world.ports, writer=Failing()))
    app.upload("lines/a.txt", TEXT)
    app.settle()
    names = [file["name"] for file in manifest_of(app, app.only_run())["files"]]
    assert names == [f"{number}.txt" for number in range(10)]
