"""The ledger loses tables, one after the other and all at once, and is rebuilt from blobs."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

import pytest

from pipeline.domain.runs.keeping import backups
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.backups import LedgerLost
from pipeline.handlers.ending import steer
from pipeline.handlers.keeping.losses import lost_tables
from pipeline.handlers.keeping.rebuild import Rebuilt, rebuild
from pipeline.handlers.keeping.retention import retain
from pipeline.handlers.starting import lost_events
from pipeline.handlers.starting.start import start_for_blob, start_for_request
from pipeline.ledger import listing
from pipeline.ledger.keeping.retention import watermark
from pipeline.ledger.layout import TABLES
from tests.fakes.app import FakeApp
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES, content_of

EVER = datetime.min.replace(tzinfo=UTC)
LIMITED = LINES + "max_concurrent_runs: 3\ntolerance: {failed_items: 5}\n"


def lose(app: FakeApp, *tables: str) -> None:
    for place in list(app.world.tables._partitions):
        if place[0] in tables:
            del app.world.tables._partitions[place]


def rebuilt(app: FakeApp) -> Rebuilt:
    *_, done = rebuild(app.engine)
    return done


class Lived:
    """An app with runs of all ages, which counts how often each item was executed."""

    def __init__(self, app: FakeApp, moment: str) -> None:
        self.app, self.executed = app, Counter()
        app.program = self.program
        app.pass_time()
        self.upload("lines/buried.txt")
        app.world.clock.advance(days=33)
        lost_events.sweep_events(app.engine)
        retain(app.engine)
        for name in ("lines/good.txt", "lines/bad.txt", "lines/redriven.txt"):
            self.upload(name)
        (again,) = [run.id for run in app.all_runs() if run.input.name == "lines/redriven.txt"]
        steer.redrive(app.engine, again)
        app.settle()
        app.world.clock.advance(hours=3)
        self.upload("lines/going.txt", settle=False)
        getattr(self, moment)()
        self.before = {run.id: run for run in app.all_runs()}
        self.executed_before = dict(self.executed)

    def program(self, item):
        page = item.page
        self.executed[page["run"], page["generation"], item.id] += 1
        bad = b"bad" in item.content() or (b"redriven" in item.content() and page["generation"] < 2)
        return Failure() if bad and item.id == 1 else [("part.txt", f"{item.id}\n".encode())]

    def upload(self, name: str, *, settle: bool = True) -> None:
        self.app.upload(name, f"{name}\n{name}\n{name}\n".encode())
        if settle:
            self.app.settle()

    def submitted(self) -> None:
        self.app.pump()

    def half_done(self) -> None:
        self.app.pump()
        batch = self.app.world.batch
        ((job, task),) = [(j, t) for j in batch.jobs for t in batch.active(j)][:1]
        batch.run_task(job, task, self.app.world.node(self.program))
        self.app.pump()

    def uncounted(self) -> None:
        self.app.pump()
        self.app.run_tasks()
        self.app.world.queues._queues["receipts"].clear()

    def going(self):
        return next(r for r in self.app.all_runs() if r.input.name == "lines/going.txt")


MOMENTS = ("submitted", "half_done", "uncounted")


@pytest.fixture(params=MOMENTS)
def lived(app_with, request) -> Lived:
    return Lived(app_with(LIMITED), request.param)


@pytest.mark.parametrize("lost", [*((name,) for name in TABLES), TABLES], ids="+".join)
def test_whatever_is_lost_runs_are_known_end_and_do_not_start_again(lived, lost):
    app = lived.app
    lose(app, *lost)
    done = rebuilt(app)
    assert done.refused == []
    listed = {run.id: run for run in listing.latest(app.world.tables, None, 50).runs}
    assert listed.keys() == lived.before.keys()
    for run in lived.before.values():
        found = listed[run.id]
        if run.over:
            assert (found.state, found.succeeded, found.failed, found.output) == (
                run.state, run.succeeded, run.failed, run.output,
            )  # fmt: skip
    come_again(app)
    app.settle()
    assert lived.going().state == "succeeded"
    assert content_of(app, lived.going()) == b"0\n1\n2\n"
    assert {run.id for run in app.all_runs()} == lived.before.keys()
    assert set(lived.executed.values()) == {1}
    assert not app.unfinished()


def come_again(app: FakeApp) -> None:
    """Let all events come once more, search for lost ones, and backfill."""
    for facts in list(app.world.blobs.list("input", "")):
        event = app.world.blobs.created_event(facts.ref)
        app.world.queues.send("blob-events", json.dumps(event))
    pipeline = app.engine.catalogue.pipeline("job")
    found = lost_events.unclaimed(app.engine, pipeline, EVER, app.engine.now)
    assert list(found) == []
    lost_events.sweep_events(app.engine)


@pytest.mark.parametrize("lost", [*((name,) for name in TABLES), TABLES], ids="+".join)
def test_a_failed_run_can_be_redriven_afterwards_and_does_only_what_failed(app_with, lost):
    lived = Lived(app_with(LINES), "submitted")
    app = lived.app
    (bad,) = [run for run in app.all_runs() if run.input.name == "lines/bad.txt"]
    lose(app, *lost)
    rebuilt(app)
    steer.redrive(app.engine, bad.id)
    app.settle()
    again = [key for key in lived.executed if key[:2] == (bad.id, 2)]
    assert again == [(bad.id, 2, 1)]


def test_a_second_rebuild_changes_nothing(lived):
    app = lived.app
    lose(app, *TABLES)
    rebuilt(app)
    app.settle()
    before = [row for name in TABLES for row in app.world.tables.rows(name)]
    done = rebuilt(app)
    assert (done.runs, done.results, done.progress, done.refused) == (0, 0, 0, [])
    assert [row for name in TABLES for row in app.world.tables.rows(name)] == before


def test_nothing_starts_while_the_ledger_is_lost_and_everything_afterwards(app_with):
    app = app_with(LINES)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    lose(app, *TABLES)
    pipeline = app.engine.catalogue.pipeline("job")
    facts = app.world.blobs.head(BlobRef("input", "lines/a.txt"))
    with pytest.raises(LedgerLost, match="run `fanfare ledger rebuild --yes`"):
        start_for_request(app.engine, pipeline, "key", facts, {})
    app.world.queues.send(
        "blob-events", json.dumps(app.world.blobs.created_event(BlobRef("input", "lines/a.txt")))
    )
    app.upload("lines/new.txt", b"one\n")
    for _ in range(3):
        app.pump()
        app.pass_time()
    assert app.all_runs() == []
    rebuilt(app)
    app.settle()
    assert sorted(run.input.name for run in app.all_runs()) == ["lines/a.txt", "lines/new.txt"]
    assert {run.generation for run in app.all_runs()} == {1}


@pytest.mark.parametrize("lost", [("runs",), ("tasks",), ("progress",), TABLES])
def test_a_lost_table_is_noticed(lived, lost):
    app = lived.app
    assert lost_tables(app.engine, app.engine.catalogue.pipelines) == []
    lose(app, *lost)
    found = lost_tables(app.engine, app.engine.catalogue.pipelines)
    assert found == (["runs"] if "runs" in lost else list(lost))
    rebuilt(app)
    assert lost_tables(app.engine, app.engine.catalogue.pipelines) == []
    app.settle()
    assert lost_tables(app.engine, app.engine.catalogue.pipelines) == []


def test_runs_without_a_backup_are_known_by_manifest_or_plan(lived):
    app = lived.app
    for name in app.world.blobs.names("engine", ".backup/"):
        app.world.blobs.remove("engine", name)
    lose(app, *TABLES)
    done = rebuilt(app)
    app.settle()
    after = {run.id: run for run in app.all_runs()}
    assert after.keys() == lived.before.keys()
    assert all(run.over for run in after.values())
    assert done.unknown == 1
    come_again(app)
    app.settle()
    assert {run.id for run in app.all_runs()} == lived.before.keys()
    assert set(lived.executed.values()) == {1}
    assert watermark(app.world.tables, "job")


def test_a_watermark_that_a_rebuild_raised_forgets_no_tombstone_early(lived):
    app = lived.app
    app.world.blobs.remove("engine", ".backup/pipelines/job.json")
    lose(app, *TABLES)
    rebuilt(app)
    app.settle()
    app.world.clock.advance(days=1)
    lost_events.sweep_events(app.engine)
    retain(app.engine)
    assert {run.id for run in app.all_runs()} == lived.before.keys()


def test_what_ended_just_now_is_announced_once_more(app_with):
    app = app_with(LINES)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    (event,) = app.world.events.published
    lose(app, "runs")
    rebuilt(app)
    app.settle()
    assert [e["id"] for e in app.world.events.published] == [event["id"], event["id"]]
    assert app.world.events.published[1]["data"]["items"] == event["data"]["items"]


def test_a_pipeline_is_searched_from_where_the_search_had_come(app_with):
    app = app_with(LINES)
    app.pass_time()
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    retain(app.engine)
    app.world.clock.advance(minutes=1)
    app.loses = lambda event: "/receipts/" not in str(event["subject"])
    app.upload("lines/lost.txt", b"one\n")
    app.world.clock.advance(hours=1)
    lose(app, *TABLES)
    rebuilt(app)
    lost_events.sweep_events(app.engine)
    app.settle()
    assert len(app.all_runs()) == 2


def test_places_are_held_again(app_with):
    app = app_with(LINES + "max_concurrent_runs: 1\n")
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    lose(app, *TABLES)
    rebuilt(app)
    app.upload("lines/b.txt", b"one\n")
    app.pump()
    assert sorted(run.state for run in app.all_runs()) == ["running", "waiting"]
    app.settle()
    assert {run.state for run in app.all_runs()} == {"succeeded"}


@pytest.mark.parametrize("steps", range(1, 16, 2))
def test_a_rebuild_that_was_interrupted_lets_nothing_run_twice_and_can_be_repeated(app_with, steps):
    lived = Lived(app_with(LIMITED), "submitted")
    app, pipeline = lived.app, lived.app.engine.catalogue.pipeline("job")
    lose(app, *TABLES)
    for _ in islice(rebuild(app.engine), steps):
        app.survive(lambda: lost_events.activate(app.engine))
        for facts in app.world.blobs.list("input", "lines/"):
            event = lost_events.event_of(app.engine, facts)
            app.survive(lambda event=event: start_for_blob(app.engine, pipeline, event))
    rebuilt(app)
    come_again(app)
    app.settle()
    assert {run.id for run in app.all_runs()} == lived.before.keys()
    assert set(lived.executed.values()) == {1}


def test_a_pipeline_whose_runs_are_all_forgotten_keeps_its_watermark(old):
    app = old()
    retain(app.engine)
    app.world.clock.advance(days=70)
    lost_events.sweep_events(app.engine)
    retain(app.engine)
    assert app.all_runs() == []
    mark = watermark(app.world.tables, "job")
    lose(app, *TABLES)
    app.pass_time()
    rebuilt(app)
    assert watermark(app.world.tables, "job") >= mark
    pipeline = app.engine.catalogue.pipeline("job")
    assert list(lost_events.unclaimed(app.engine, pipeline, EVER, app.engine.now)) == []


def test_a_run_that_waited_for_days_when_the_ledger_was_lost_is_started(app_with):
    app = app_with(LINES + "max_concurrent_runs: 1\n")
    app.pass_time()
    app.upload("lines/first.txt", b"one\n")
    app.pump()
    retain(app.engine)
    app.world.clock.advance(minutes=1)
    app.upload("lines/waits.txt", b"one\n")
    app.pump()
    app.world.clock.advance(days=2)
    lost_events.sweep_events(app.engine)
    retain(app.engine)
    lose(app, *TABLES)
    rebuilt(app)
    app.settle()
    lost_events.sweep_events(app.engine)
    app.settle()
    names = sorted(run.input.name for run in app.all_runs())
    assert names == ["lines/first.txt", "lines/waits.txt"]


def test_backups_are_listed_once(old):
    app, listed = old(), []
    blobs = app.world.ports.blobs

    class Noting:
        def __getattr__(self, name):
            return getattr(blobs, name)

        def list(self, container, prefix=""):
            listed.append((container, prefix))
            return blobs.list(container, prefix)

    lose(app, *TABLES)
    app.through(replace(app.world.ports, blobs=Noting()))
    assert rebuilt(app).backed_up == ["job"]
    folder = backups.folder()
    assert listed.count((folder.container, folder.name)) == 1
