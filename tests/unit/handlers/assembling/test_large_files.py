"""Files so large that no invocation copies or reads them whole."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.outputs import sha256
from pipeline.handlers.assembling import assemblers, copying, large, staging
from tests.fakes import blobs
from tests.unit.handlers.conftest import BLOB, PLAIN, content_of, manifest_of

CONTENT = bytes(range(256)) * 40  # 10,240 bytes of each of four items
ITEMS = 4
JOINED = BLOB + PLAIN + "split: {range: {stop: 4, step: 1}}\nbundle: {items: 2}\n"
ALONE = JOINED.replace("{concatenate: {format: plain, name: all.txt}}", "{none: {}}")
SLICE = timedelta(seconds=30)


def write(item):
    return [(f"{item.id}.bin", CONTENT)]


class Reading:
    """The blobs; notes from where on each file of the output was streamed."""

    def __init__(self, ports) -> None:
        self._blobs, self.begun = ports.blobs, []

    def __getattr__(self, name):
        return getattr(self._blobs, name)

    def stream(self, ref, offset=0, length=None):
        if ref.container == "output":
            self.begun.append(offset)
        return self._blobs.stream(ref, offset, length)


@pytest.fixture
def made(app_with, monkeypatch):
    """Return a function that runs a pipeline with little time, and what it read."""
    for module in (copying, large):
        monkeypatch.setattr(module, "LARGE", 5_000)
    monkeypatch.setattr(copying, "SMALL", 10)
    monkeypatch.setattr(staging, "MAX_PIECE", 3_000)
    monkeypatch.setattr(staging, "_AT_ONCE", 2)
    monkeypatch.setattr(assemblers, "STREAMED", 100)
    monkeypatch.setattr(blobs, "CHUNK", 640)

    def make(text, *, hurry=True):
        app = app_with(text, program=write)
        reading = Reading(app.world.ports)
        app.through(replace(app.world.ports, blobs=reading))
        if hurry:
            app.hurry(SLICE, per_look=timedelta(seconds=1))
        app.upload("lines/a.txt", b"x")
        app.settle()
        return app, reading

    return make


def test_a_large_file_is_made_copied_and_read_in_slices(made):
    app, reading = made(JOINED)
    run = app.only_run()
    assert run.state == "succeeded", run.error
    assert content_of(app, run) == CONTENT * ITEMS
    (file,) = manifest_of(app, run)["files"]
    assert file["digest"]["value"] == hashlib.sha256(CONTENT * ITEMS).hexdigest()
    assert len(reading.begun) > 3
    assert reading.begun == sorted(set(reading.begun)), "it was read again from the beginning"


def test_several_large_files_are_copied_one_after_another(made):
    app, _ = made(ALONE)
    run = app.only_run()
    assert run.state == "succeeded", run.error
    digests = {file["digest"]["value"] for file in manifest_of(app, run)["files"]}
    assert digests == {hashlib.sha256(CONTENT).hexdigest()}
    assert len(manifest_of(app, run)["files"]) == ITEMS


def test_a_large_file_that_is_changed_between_two_slices_ends_the_run(made, app_with, monkeypatch):
    go_on = large._Copy._digest

    def changed(copy):
        found = go_on(copy)
        copy.engine.ports.writer.write(copy.target, CONTENT * ITEMS)
        return found

    monkeypatch.setattr(large._Copy, "_digest", changed)
    app, _ = made(JOINED)
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert "was changed while it was committed" in run.error


def test_without_kept_digests_a_large_file_is_read_in_one_go(made, monkeypatch):
    monkeypatch.setattr(sha256, "_LIBRARY", None)
    app, reading = made(JOINED)
    assert app.only_run().state == "succeeded"
    assert reading.begun == [0]


def test_a_digest_that_another_python_kept_begins_anew(made, monkeypatch):
    note = large._Copy._note

    def noted(copy, **changes):
        note(copy, **changes)
        if changes.get("digest"):  # the next invocation runs elsewhere
            monkeypatch.setattr(sha256, "_LIBRARY", None)

    monkeypatch.setattr(large._Copy, "_note", noted)
    app, reading = made(JOINED)
    run = app.only_run()
    assert run.state == "succeeded", run.error
    (file,) = manifest_of(app, run)["files"]
    assert file["digest"]["value"] == hashlib.sha256(CONTENT * ITEMS).hexdigest()
    assert reading.begun == [0, 0]
