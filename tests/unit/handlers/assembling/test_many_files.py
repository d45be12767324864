"""Outputs of very many files: committed by one instance at a time, and resumed by the next one."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict, Transient
from pipeline.handlers.assembling import copying
from pipeline.ledger import runs
from pipeline.ledger.steps import slices
from tests.unit.handlers.conftest import BLOB, manifest_of

NONE = BLOB + "split: {blobs: {}}\nassemble: {none: {}}\n"
MANY = 450
SLICE = 50


def many(_item):
    return [(f"{number:03}.txt", b"%d" % number) for number in range(MANY)]


@pytest.fixture
def app(app_with, monkeypatch):
    monkeypatch.setattr(copying, "_SLICE", SLICE)
    return app_with(NONE, program=many)


class Counting:
    """The writer; counts its calls, and fails after some writes."""

    def __init__(self, writer, fails_after: int = 10**9) -> None:
        self._writer, self.fails_after = writer, fails_after
        self.writes = self.copies = 0

    def __getattr__(self, name):
        return getattr(self._writer, name)

    def write(self, ref, *args, **more):
        if ref.container == "output" and ref.name.endswith(".txt"):
            self.writes += 1
            if self.writes > self.fails_after:
                raise Transient("The service is busy.")
        return self._writer.write(ref, *args, **more)

    def copy(self, *args):
        self.copies += 1
        return self._writer.copy(*args)


def committing(app, fails_after: int) -> Counting:
    writer = Counting(app.world.ports.writer, fails_after)
    app.through(replace(app.world.ports, writer=writer))
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.run_tasks()
    app.pump()
    return writer


class Noting(Counting):
    """The writer; the sweep notes something on the run at each copied file, as on a slow day."""

    def __init__(self, app) -> None:
        super().__init__(app.world.ports.writer)
        self._app = app

    def write(self, ref, *args, **more):
        done = super().write(ref, *args, **more)
        if ref.container == "output" or ref.name.endswith("chosen.json"):
            (held,) = (runs.need(self._app.world.tables, run.id) for run in self._app.all_runs())
            noted = held.run.model_copy(update={"why": f"note {self.writes}"})
            with suppress(Conflict):  # files are copied in parallel
                runs.move(self._app.world.tables, held, noted)
        return done


def test_notes_on_why_a_run_waits_do_not_make_its_steps_begin_anew(app):
    writer = Noting(app)
    app.through(replace(app.world.ports, writer=writer))
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert app.only_run().state == "succeeded"
    assert (writer.writes, writer.copies) == (MANY, 0)


def test_the_next_instance_goes_on_where_one_ended(app):
    writer = committing(app, fails_after=300)
    assert app.only_run().state == "committing"
    before, writer.fails_after = len(app.world.blobs.names("output")), 10**9
    assert before >= 300
    writer.writes = writer.copies = 0
    app.settle()
    run = app.only_run()
    assert run.state == "succeeded"
    assert len(manifest_of(app, run)["files"]) == MANY
    assert writer.writes <= MANY - before + SLICE, "what earlier slices copied was copied again"
    assert writer.copies <= SLICE


def test_only_one_instance_at_a_time_commits_many_files(app):
    writer = committing(app, fails_after=0)
    run = app.only_run()
    app.world.clock.advance(minutes=2)
    step = slices.LongStep.of(run, "commit")
    other = slices.take(app.world.tables, step, "other", app.engine.now)
    assert other.owner == "other"
    writer.writes, writer.fails_after = 0, 10**9
    app.pump()
    assert (writer.writes, app.only_run().state) == (0, "committing")
    app.settle(patience=timedelta(hours=1))  # the lease of the other one expires
    assert app.only_run().state == "succeeded"


def test_a_step_whose_time_is_up_is_sent_on_and_copies_nothing_twice(app, caplog):
    caplog.set_level("INFO", "fanfare")
    writer = Counting(app.world.ports.writer)
    app.through(replace(app.world.ports, writer=writer))
    app.hurry(timedelta(seconds=6), per_look=timedelta(milliseconds=200))
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert run.state == "succeeded"
    assert [file["name"] for file in manifest_of(app, run)["files"]] == [
        f"{number:03}.txt" for number in range(MANY)
    ]
    assert (writer.writes, writer.copies) == (MANY, 0)
    assert "Step sent on" in caplog.text


@pytest.mark.parametrize("harm", ["changed", "deleted"])
def test_a_list_of_copies_that_was_harmed_ends_the_run(app, harm):
    writer = committing(app, fails_after=300)
    names = app.world.blobs.names("engine")
    ref = next(BlobRef("engine", name) for name in names if "/copied/" in name)
    if harm == "deleted":
        app.world.blobs.delete(ref)
    else:
        app.world.blobs.write(ref, b"[]")
    writer.fails_after = 10**9
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert f"a list of copies, was {harm}" in run.error


def test_few_files_need_no_lease(app_with, monkeypatch):
    monkeypatch.setattr(copying, "holding", None)
    app = app_with(NONE, program=lambda _item: [("a.txt", b"x")])
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert app.only_run().state == "succeeded"


def test_large_files_make_small_slices(app, monkeypatch):
    monkeypatch.setattr(copying, "LARGE", 20)
    writer = Counting(app.world.ports.writer)
    app.through(replace(app.world.ports, writer=writer))
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    lists = [name for name in app.world.blobs.names("engine") if "/copied/" in name]
    assert len(lists) > MANY * 2 // 20
    assert (app.only_run().state, writer.writes, writer.copies) == ("succeeded", MANY, 0)


def test_the_lists_of_very_many_slices_fit_the_cursor(app, monkeypatch):
    monkeypatch.setattr(copying, "LARGE", 3)  # so that most files are a slice of their own
    monkeypatch.setattr(slices, "MAX_BODY", 8_000)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert run.state == "succeeded", run.error
    assert [file["name"] for file in manifest_of(app, run)["files"]] == [
        f"{number:03}.txt" for number in range(MANY)
    ]


def test_who_meets_a_commit_that_goes_on_asks_again_when_its_lease_ends(app):
    committing(app, fails_after=0)
    run = app.only_run()
    app.through(app.world.ports)
    app.world.clock.advance(minutes=2)
    slices.take(app.world.tables, slices.LongStep.of(run, "commit"), "other", app.engine.now)
    app.pump()
    assert app.only_run().state == "committing"
    app.world.clock.advance(seconds=61)
    app.pump()
    assert app.only_run().state == "succeeded"
