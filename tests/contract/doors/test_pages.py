"""Outputs whose manifest has pages, directly and over HTTP: both ways read the same files."""

import hashlib

import pytest

from pipeline.cli.doors import remote as over_http
from pipeline.cli.doors.address import Address
from pipeline.cli.doors.calls import Calls
from pipeline.cli.doors.direct import DirectDoor
from pipeline.cli.doors.door import Door
from pipeline.cli.doors.remote import RemoteDoor
from pipeline.domain.runs.manifest import files_of
from pipeline.errors import NotFound
from pipeline.handlers.assembling import copies, copying, lists
from pipeline.handlers.doors import files, http
from tests.contract.doors.served import CALLER, served
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written

NONE = """
trigger: {blob: {container: input, prefix: lines/}}
split: {blobs: {}}
task: {program: work.py, arguments: ["{input}", "{output}"]}
pool: cpu
assemble: {none: {}}
"""
NAMES = [f"{number:03}.txt" for number in range(50)]


@pytest.fixture
def app(monkeypatch) -> FakeApp:
    """Return an app with a run of 50 files in three pages; it signs seven URLs at a time."""
    monkeypatch.setattr(lists, "MAX_LISTED", 10)
    monkeypatch.setattr(copying, "_SLICE", 20)
    monkeypatch.setattr(over_http, "_PAGE", 7)
    monkeypatch.setattr(over_http, "_HELD", 2)
    for module in (lists, copies):
        monkeypatch.setattr(module, "PER_PAGE", 20)
    program = [(name, name.encode()) for name in NAMES]
    app = FakeApp.of(written((("job", NONE),)), program=lambda _: program)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    return app


@pytest.fixture
def remote(app):
    with served(app) as url:
        yield RemoteDoor(
            Calls(Address(url, key="operator"), lambda: {"x-functions-key": "operator"})
        )


@pytest.fixture(params=["direct", "remote"])
def door(request, app) -> Door:
    if request.param == "remote":
        return request.getfixturevalue("remote")
    return DirectDoor(app.engine, lambda: app.engine.asked_by(CALLER))


def read(outputs, name, offset=0) -> bytes:
    return b"".join(outputs.stream(name, offset))


def test_pages_and_files_are_read_in_any_order(app, door):
    run = app.only_run()
    outputs, manifest = door.outputs(run), door.manifest(run)
    assert len(manifest.pages) == 3
    found = list(files_of(manifest, lambda page: read(outputs, page.name)))
    assert [file.name for file in found] == NAMES
    for file in (*found, *found[::-7], found[0], *found[:20]):
        assert hashlib.sha256(read(outputs, file.name)).hexdigest() == file.digest.value
    assert read(outputs, NAMES[-1], 2) == b"9.txt"


def test_a_file_that_is_in_no_list_is_not_found_and_others_still_are(app, door):
    outputs = door.outputs(app.only_run())
    for name in (NAMES[0], NAMES[30]):
        with pytest.raises(NotFound):
            read(outputs, "absent.txt")
        assert read(outputs, name) == name.encode()


def test_a_url_that_is_too_old_is_signed_anew_and_no_other_part_of_the_list(
    app, remote, monkeypatch
):
    outputs, asked = remote.outputs(app.only_run()), []
    read(outputs, NAMES[-1])
    held = outputs._held[49]
    held[NAMES[-1]] = held[NAMES[-1]].replace("sig=", "sig=0")
    page = outputs._page
    monkeypatch.setattr(
        outputs, "_page", lambda skip, limit: asked.append(skip) or page(skip, limit)
    )
    assert read(outputs, NAMES[-1]) == NAMES[-1].encode()
    assert asked == [49]


@pytest.mark.parametrize("harm", ["changed", "longer", "deleted"])
def test_a_page_that_somebody_harmed_is_404_and_says_so(app, harm):
    run = app.only_run()
    ref, blobs = run.names.output("manifest-000001.json"), app.world.blobs
    content = blobs.read(ref)
    if harm == "deleted":
        blobs.delete(ref)
    else:
        blobs.write(ref, content + b" " if harm == "longer" else content.replace(b"025", b"../"))
    first = http.answering(lambda: files.outputs(app.engine, run.id, "0", "20"))
    assert (first.status, len(first.body["files"])) == (200, 20)
    second = http.answering(lambda: files.outputs(app.engine, run.id, "20", "20"))
    assert (second.status, "manifest-000001.json" in second.body["error"]) == (404, True)


def test_a_file_that_is_not_in_the_list_any_more_is_not_found(app, remote, monkeypatch):
    outputs = remote.outputs(app.only_run())
    read(outputs, NAMES[0])
    held = outputs._held[0]
    held[NAMES[0]] = held[NAMES[0]].replace("sig=", "sig=0")
    page = outputs._page
    fewer = {"files": (), "pages": ()}
    monkeypatch.setattr(
        outputs, "_page", lambda skip, limit: page(skip, limit).model_copy(update=fewer)
    )
    with pytest.raises(NotFound, match="has no file"):
        read(outputs, NAMES[0])
