"""Outputs of so many files that one document cannot list them: their manifest has pages."""

import hashlib
import json
from dataclasses import replace

import pytest

from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Transient
from pipeline.handlers.assembling import copies, copying, lists
from pipeline.handlers.collecting.standing import output_files
from pipeline.ledger.steps import slices
from tests.unit.handlers.conftest import BLOB, manifest_of

NONE = BLOB + "split: {blobs: {}}\nassemble: {none: {}}\n"
MANY, LISTED, PER_PAGE, SLICE = 450, 100, 120, 50
NAMES = [f"{number:03}.txt" for number in range(MANY)]


def many(_item):
    return [(name, name.encode()) for name in NAMES]


@pytest.fixture
def app(app_with, monkeypatch):
    monkeypatch.setattr(copying, "_SLICE", SLICE)
    monkeypatch.setattr(lists, "MAX_LISTED", LISTED)
    for module in (lists, copies):
        monkeypatch.setattr(module, "PER_PAGE", PER_PAGE)
    return app_with(NONE, program=many)


class Failing:
    """The writer; fails once after it wrote a blob whose name ends so."""

    def __init__(self, writer, end: str) -> None:
        self._writer, self._end = writer, end
        self.written = list[str]()

    def __getattr__(self, name):
        return getattr(self._writer, name)

    def write(self, ref, *args, **more):
        etag = self._writer.write(ref, *args, **more)
        if ref.container == "output":
            self.written.append(ref.name)
            if self._end and ref.name.endswith(self._end):
                self._end = ""
                raise Transient("The answer was lost.")
        return etag


def run_of(app, failing: str = ""):
    writer = Failing(app.world.ports.writer, failing)
    app.through(replace(app.world.ports, writer=writer))
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    return app.only_run(), writer


def test_pages_list_every_file_and_the_manifest_lists_the_pages(app):
    run, _ = run_of(app)
    manifest = manifest_of(app, run)
    assert (manifest["version"], manifest["files"]) == (2, None)
    assert [page["files"] for page in manifest["pages"]] == [150, 150, 150]
    listed = []
    for page in manifest["pages"]:
        content = app.world.blobs.read(app.world.blobs.at(page["url"]))
        assert hashlib.sha256(content).hexdigest() == page["digest"]["value"]
        assert (len(content), page["bytes"]) == (page["size"], 150 * len("000.txt"))
        listed += json.loads(content)
    assert [file["name"] for file in listed] == NAMES
    for file in listed:
        content = app.world.blobs.read(app.world.blobs.at(file["url"]))
        assert content == file["name"].encode()
        assert hashlib.sha256(content).hexdigest() == file["digest"]["value"]
    assert (run.output.files, run.output.bytes) == (MANY, MANY * len("000.txt"))


def test_an_earlier_release_refuses_a_list_that_it_cannot_read(app):
    run, _ = run_of(app)
    assert manifest_of(app, run)["files"] is None  # it takes a tuple, and null is none
    (chosen,) = (n for n in app.world.blobs.names("engine") if n.endswith("chosen.json"))
    assert json.loads(app.world.blobs.read(BlobRef("engine", chosen)))["files"] is None


def test_what_is_chosen_and_where_a_commit_is_stay_small(app, monkeypatch):
    monkeypatch.setattr(slices, "MAX_BODY", 1_200)
    run, _ = run_of(app)
    assert run.state == "succeeded", run.error
    assert app.world.blobs.head(run.names.chosen).size < 2_000
    assert app.world.blobs.head(run.names.manifest).size < 4_000


@pytest.mark.parametrize("skip", [0, 1, 149, 150, 151, 300, 449, 450, 9_999])
def test_reading_begins_at_any_file_and_reads_no_page_before_it(app, skip):
    run, _ = run_of(app)
    manifest = Manifest.model_validate(manifest_of(app, run))
    for page in manifest.pages[: min(3, skip // 150)]:
        app.world.blobs.delete(run.names.output(page.name))
    assert [file.name for file in output_files(app.engine, run, manifest, skip)] == NAMES[skip:]


@pytest.mark.parametrize("end", ["049.txt", "manifest-000000.json", "manifest-000002.json"])
def test_a_commit_that_was_cut_off_goes_on_with_the_same_pages(app, end):
    run, writer = run_of(app, failing=end)
    assert run.state == "succeeded", run.error
    pages = Manifest.model_validate(manifest_of(app, run)).pages
    assert [page.files for page in pages] == [150, 150, 150]
    again = len(writer.written) - len(set(writer.written))
    assert again == 0, "what is there is looked at, and not written again"


def test_a_page_that_somebody_else_wrote_ends_the_run(app):
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    run = app.only_run()
    app.world.blobs.put("output", f"{run.names.output_folder}/manifest-000000.json", b"[]")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert "manifest-000000.json exists already, and is another one" in run.error


@pytest.mark.parametrize(("step", "what"), [("made", "a list of files"), ("paged", "the list of")])
def test_a_list_that_was_harmed_ends_the_run(app, step, what):
    deleted = []

    def harm(event):
        below = f"/{step}/"
        names = [n for n in app.world.blobs.names("engine") if below in n]
        if names and not deleted:
            deleted.append(names[0])
            app.world.blobs.delete(BlobRef("engine", names[0]))

    app.world.blobs.subscribe(harm)
    run, _ = run_of(app)
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert what in run.error and "was deleted" in run.error


def test_no_output_has_the_name_of_a_page(app_with, app):
    app = app_with(NONE, program=lambda item: [*many(item), ("manifest-000007.json", b"{}")])
    run, _ = run_of(app)
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert "manifest-000007.json, the name of the run's own list: rename it" in run.error


def test_few_files_may_have_the_name_of_a_page(app_with):
    app = app_with(NONE, program=lambda _item: [("manifest-000007.json", b"{}")])
    run, _ = run_of(app)
    assert run.state == "succeeded", run.error
    assert [file["name"] for file in manifest_of(app, run)["files"]] == ["manifest-000007.json"]
