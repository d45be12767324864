"""Versions of blobs are kept for a run, by snapshots or by copies, and go with it."""

from dataclasses import replace

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict, NotFound
from pipeline.handlers.ending import purge
from pipeline.handlers.planning import inputs
from pipeline.settings import Pin
from tests.fakes.node import Item
from tests.unit.handlers.conftest import BLOB, PLAIN, content_of
from tests.unit.handlers.planning.test_slices import NAMES, SPLITS, TEXT, listed

EACH = BLOB.replace('"{output}"', '"{input}", "{output}"') + PLAIN
WHOLE = EACH + "split: {blobs: {}}\n"
MANY = EACH + "split: {blobs: {container: input, prefix: many/}}\n"


@pytest.fixture(params=list(Pin))
def pinning(request, app_with):
    """Return a function that makes an app whose pins are snapshots, or copies."""

    def make(text):
        app = app_with(text)
        app.engine = replace(app.engine, pin=request.param)
        return app

    return make


def given(item: Item):
    """Write the input of an item, as a node gets it."""
    return [("part.txt", item.content())]


def test_a_run_works_on_the_version_that_started_it(pinning):
    app = pinning(WHOLE)
    app.program = given
    app.upload("lines/a.txt", b"first")
    app.pump()
    app.world.blobs.describe("input", "lines/a.txt", new="metadata")
    app.world.blobs.put("input", "lines/a.txt", b"second")
    run = app.only_run()
    app.run_tasks()
    app.settle()
    first = next(one for one in app.all_runs() if one.id == run.id)
    assert content_of(app, first) == b"first"


def test_each_item_works_on_the_version_that_was_listed(pinning):
    app = pinning(MANY)
    app.program = given
    for number, name in enumerate(NAMES):
        app.world.blobs.put("input", name, b"%d\n" % number)
    app.upload("lines/a.txt", b"x")
    app.pump()
    for name in NAMES:
        app.world.blobs.put("input", name, b"later\n")
    app.settle()
    assert content_of(app, app.only_run()) == b"".join(b"%d\n" % n for n in range(len(NAMES)))


@pytest.mark.parametrize("name", ["csv-manifest", "json-manifest", "csv", "bytes"])
def test_other_splits_keep_what_they_need(pinning, name):
    split, content = SPLITS[name]
    app = pinning(BLOB + PLAIN + split)
    listed(app, content)
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_version_that_is_gone_is_not_kept(pinning):
    app = pinning(WHOLE)
    app.upload("other/a.txt", b"first")
    app.upload("lines/a.txt", b"first")
    app.settle()
    ref, run = BlobRef("input", "other/a.txt"), app.only_run()
    before = app.world.blobs.head(ref).etag
    app.world.blobs.put("input", "other/a.txt", b"second")
    with pytest.raises(Conflict):
        inputs.pin(app.engine, run, ref, before)
    app.world.blobs.remove("input", "other/a.txt")
    with pytest.raises(NotFound):
        inputs.pin(app.engine, run, ref, before)
    assert not app.world.blobs.head(run.names.pin(ref, before))


def test_a_version_that_changes_while_it_is_copied_is_not_kept(app_with):
    app = app_with(WHOLE)
    app.engine = replace(app.engine, pin=Pin.COPY)
    app.upload("lines/a.txt", b"first")
    app.settle()
    app.world.blobs.put("input", "other/a.txt", b"first")
    ref, run, real = BlobRef("input", "other/a.txt"), app.only_run(), app.world.blobs.copy
    etag = app.world.blobs.head(ref).etag

    def copy(source, target):
        app.world.blobs.put("input", "other/a.txt", b"second")
        return real(source, target)

    app.world.blobs.copy = copy
    with pytest.raises(Conflict):
        inputs.pin(app.engine, run, ref, etag)
    assert app.world.blobs.head(run.names.pin(ref, etag)) is None


def test_a_redrive_works_on_what_was_kept(pinning):
    app = pinning(BLOB + PLAIN + "split: {lines: {}}\n")
    app.upload("lines/a.txt", TEXT.encode())
    app.settle()
    run = app.only_run()
    assert run.input.pinned
    assert run.input.ref != BlobRef("input", "lines/a.txt")
    app.world.blobs.put("input", "lines/a.txt", b"other")
    assert app.world.blobs.read(run.input.ref) == TEXT.encode()


def test_a_purge_takes_every_pin_along(pinning):
    app = pinning(MANY)
    listed(app)
    app.settle()
    run = app.only_run()
    kept = app.world.blobs.pins()
    assert len(kept) == len(NAMES) + 1
    purge.carry_out(app.engine, purge.belongings(app.engine, run, output=True))
    assert app.world.blobs.pins() == []
    assert sorted(app.world.blobs.names("input")) == sorted([*NAMES, "lines/a.txt"])
