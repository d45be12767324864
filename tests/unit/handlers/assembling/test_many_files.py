"""Outputs of very many files: committed by one instance at a time, and resumed by the next one."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.errors import Conflict, Transient
from pipeline.handlers.assembling import commit
from pipeline.ledger import runs
from pipeline.ledger.leases import Lease
from tests.unit.handlers.conftest import BLOB, manifest_of

NONE = BLOB + "split: {blobs: {}}\nassemble: {none: {}}\n"
MANY = 450


def many(_item):
    return [(f"{number:03}.txt", b"%d" % number) for number in range(MANY)]


@pytest.fixture
def app(app_with):
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
    assert (writer.writes, writer.copies) == (MANY - before, before)


def test_only_one_instance_at_a_time_commits_many_files(app):
    writer = committing(app, fails_after=0)
    run = app.only_run()
    other = Lease(app.world.tables, run.pipeline, run.id, "other")
    app.world.clock.advance(minutes=2)
    assert other.take(app.engine.now)
    writer.writes, writer.fails_after = 0, 10**9
    app.pump()
    assert (writer.writes, app.only_run().state) == (0, "committing")
    app.settle(patience=timedelta(hours=1))  # the lease of the other one expires
    assert app.only_run().state == "succeeded"


def test_a_lease_is_renewed_by_its_owner_expires_and_is_given_back(app):
    tables, now = app.world.tables, app.engine.now
    mine, other = (Lease(tables, "job", "job-1", owner) for owner in ("mine", "other"))
    assert mine.take(now)
    assert mine.take(now + timedelta(seconds=50))
    assert not other.take(now + timedelta(seconds=100))
    assert other.take(now + timedelta(seconds=111))
    mine.release()
    assert not mine.take(now + timedelta(seconds=112))
    other.release()
    assert mine.take(now + timedelta(seconds=112))


def test_few_files_need_no_lease(app_with, monkeypatch):
    monkeypatch.setattr(commit, "Lease", None)
    app = app_with(NONE, program=lambda _item: [("a.txt", b"x")])
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert app.only_run().state == "succeeded"
