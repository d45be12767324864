"""While a run of many items works, and afterwards, people can see how each of them stands."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.outputs.item_index import Unindexed
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.collecting import indexing
from pipeline.handlers.doors import dispatch
from pipeline.handlers.ending import steer
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES
from tests.unit.handlers.nodes import losing, scripted

ITEMS = 40
TEXT = LINES + "bundle: {items: 4}\ntolerance: {failed_items: 40}\n"


def tenth_fails(item):
    return Failure("timed-out") if item.id % 10 == 0 else [("part.txt", b"%d\n" % item.id)]


@pytest.fixture(params=[0, 5_000], ids=["index", "rows"])
def app(app_with, request, monkeypatch):
    """An app whose runs have an index, or are read from their rows."""
    monkeypatch.setattr(indexing, "FEW", request.param)
    app = app_with(TEXT, program=tenth_fails)
    app.upload("lines/a.txt", b"line\n" * ITEMS)
    return app


def shown(app) -> Counter[tuple[str, str | None]]:
    return Counter((s.state, s.cause) for s in indexing.states(app.engine, app.only_run()))


def test_each_item_is_open_until_its_task_has_ended(app):
    app.pump()
    assert shown(app) == {("open", None): ITEMS}
    app.run_tasks()
    app.pump()
    assert shown(app) == {("succeeded", None): 36, ("failed", "timed-out"): 4}


def test_after_the_verdict_each_item_has_its_end(app):
    app.settle()
    found = list(indexing.states(app.engine, app.only_run()))
    assert [s.item for s in found] == list(range(ITEMS))
    assert [s.item for s in found if s.state == "failed"] == [0, 10, 20, 30]
    assert all(s.tries >= 1 and s.node for s in found)


def test_a_redrive_replaces_failures_only(app):
    app.settle()
    app.program = lambda item: [("part.txt", b"x")]
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    assert shown(app) == {("succeeded", None): ITEMS}


def test_an_output_that_never_came_makes_its_item_a_failure(app_with, monkeypatch):
    monkeypatch.setattr(indexing, "FEW", 0)
    app = app_with(LINES + "tolerance: {failed_items: 1}\nretries: {output-lost: 0}\n")
    scripted(app, {"t000001": [losing(app, "o-")]})
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    assert shown(app) == {("succeeded", None): 1, ("failed", "output-lost"): 1}


class Counting:
    """The writer; counts what it writes into an index."""

    def __init__(self, writer) -> None:
        self._writer, self.written = writer, 0

    def __getattr__(self, name):
        return getattr(self._writer, name)

    def write(self, ref, *args, **more):
        self.written += "/index/" in ref.name
        return self._writer.write(ref, *args, **more)


def test_the_index_is_written_every_five_seconds_at_most(app_with, monkeypatch):
    monkeypatch.setattr(indexing, "FEW", 0)
    app = app_with(LINES)
    app.upload("lines/a.txt", b"line\n" * ITEMS)
    app.pump()
    writer = Counting(app.world.ports.writer)
    app.through(replace(app.world.ports, writer=writer))
    batch, execute = app.world.batch, app.world.node(app.program)
    (job,) = batch.jobs
    for task in list(batch.active(job))[:-1]:
        batch.run_task(job, task, execute)
        app.pump()
        app.world.clock.advance(timedelta(seconds=1))
    assert writer.written == ITEMS // 5
    assert shown(app)["succeeded", None] >= ITEMS - 5


def test_what_another_instance_wrote_meanwhile_comes_with_the_next_time(app_with, monkeypatch):
    monkeypatch.setattr(indexing, "FEW", 0)
    app = app_with(LINES)
    app.upload("lines/a.txt", b"line\n" * 2)
    app.pump()
    instances = [app.engine, replace(app.engine, unindexed=Unindexed())]
    batch, execute = app.world.batch, app.world.node(app.program)
    (job,) = batch.jobs
    for engine, task in zip(instances, list(batch.active(job)), strict=True):
        app.engine = engine
        batch.run_task(job, task, execute)
        (message,) = app.world.queues.receive(Queue.RECEIPTS, 1)
        dispatch.handle(engine, Queue.RECEIPTS, message.body)
        app.world.queues.delete(Queue.RECEIPTS, message)
    assert shown(app) == {("succeeded", None): 2}


def test_an_index_that_was_harmed_says_nothing_and_ends_no_run(app_with, monkeypatch, caplog):
    monkeypatch.setattr(indexing, "FEW", 0)
    app = app_with(LINES)
    app.upload("lines/a.txt", b"line\n" * 3)
    app.settle()
    (name,) = [name for name in app.world.blobs.names("engine") if "/index/" in name]
    app.world.blobs.write(BlobRef("engine", name), b"harmed")
    assert shown(app) == {("open", None): 3}
    assert "Index unreadable" in caplog.text
