"""What old runs left is deleted, oldest first, in bounded pieces; their tombstones stay longer."""

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest

from pipeline.domain.runs import naming
from pipeline.errors import Conflict, Transient
from pipeline.handlers.doors.http import show_run
from pipeline.handlers.ending import steer
from pipeline.handlers.keeping.retention import retain
from pipeline.handlers.starting.start import start_for_request
from pipeline.ledger import listing, runs
from pipeline.ports.tables import Row
from pipeline.settings import Pin, Retention
from tests.fakes.crash import Injector
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BODY, LINES, PLAIN, content_of
from tests.unit.handlers.keeping.conftest import NOTHING, left_in_storage

AFTER = f"trigger: {{run: {{pipeline: job, on: failed}}}}\n{BODY}{PLAIN}split: {{lines: {{}}}}"
SET = f"trigger: {{http: true}}\n{BODY}{PLAIN}split: {{blobs: {{container: input, prefix: set/}}}}"


def failing(_item):
    return Failure()


def test_what_a_run_left_is_deleted_and_its_tombstone_and_output_stay(old):
    app = old()
    before = app.only_run()
    assert all(left_in_storage(app).values())
    retain(app.engine)
    after = app.only_run()
    assert left_in_storage(app) == NOTHING
    assert content_of(app, after) == b"0\n1\n"
    row = app.world.tables.get("runs", "job", after.id)
    assert sum(len(str(value)) for value in row.values.values()) < 1500
    assert (after.state, after.succeeded, after.cost) == (before.state, 2, before.cost)
    assert after.input.etag == before.input.etag
    assert [entry.by.name for entry in after.asked] == ["blob", "retention"]


def test_a_tombstone_is_listed_and_shown(old):
    app = old()
    retain(app.engine)
    (run,) = listing.latest(app.world.tables, None, 5).runs
    shown = show_run(app.engine, run.id).body
    assert (shown["state"], shown["succeeded"]) == ("succeeded", 2)
    assert shown["purged_at"].startswith("2026-12-25")


def test_a_run_is_kept_until_it_is_old_enough(old):
    app = old(days=30.5)
    retain(app.engine)
    assert app.only_run().purged_at is None
    app.world.clock.advance(days=1)
    retain(app.engine)
    assert app.only_run().purged_at


def test_settings_say_how_long(old):
    app = old(days=5)
    app.engine = replace(app.engine, retention=Retention(timedelta(days=3), timedelta(days=10)))
    retain(app.engine)
    assert left_in_storage(app) == NOTHING


def test_a_run_whose_parts_are_gone_cannot_be_redriven(old):
    app = old(program=failing)
    retain(app.engine)
    with pytest.raises(Conflict, match=r"was purged on 2026-12-25.*uploading it again"):
        steer.redrive(app.engine, app.only_run().id)


def test_one_invocation_does_a_bounded_part_and_the_next_one_goes_on(app_with):
    app = app_with()
    for number in range(5):
        app.upload(f"lines/{number}.txt", b"one\n")
        app.settle()
        app.world.clock.advance(hours=1)
    app.world.clock.advance(days=40)
    counts = []
    for _ in range(30):
        retain(app.engine, work=12)
        counts.append(sum(len(found) for found in left_in_storage(app).values()))
    assert all(before - after <= 12 for before, after in pairwise(counts))
    assert counts[0] > 20
    assert counts[-1] == 0
    assert all(run.purged_at for run in app.all_runs())


def test_the_oldest_goes_first(app_with):
    app = app_with()
    for name in ("first", "second"):
        app.upload(f"lines/{name}.txt", b"one\n")
        app.settle()
        app.world.clock.advance(hours=1)
    app.world.clock.advance(days=40)
    retain(app.engine, work=8)
    purged = [run.input.name for run in app.all_runs() if run.purged_at]
    assert purged == ["lines/first.txt"]


def test_a_crash_at_any_call_costs_nothing_but_time(old):
    injector = Injector()
    app = old()
    app.through(injector.ports(app.world.ports))
    retain(app.engine)
    calls = [(c.port, c.verb, c.nth) for c in injector.trace]
    assert len(calls) > 30
    for call in calls:
        for when in ("before", "after", "twice"):
            app = old()
            app.through(Injector(call, when).ports(app.world.ports))
            app.survive(partial(retain, app.engine))
            app.through(app.world.ports)
            app.world.clock.advance(hours=1)
            retain(app.engine)
            assert left_in_storage(app) == NOTHING, (call, when)
            assert app.only_run().definition == "{}", (call, when)


def test_a_run_that_still_goes_on_is_put_off_until_long_after_its_end(old):
    app = old(days=0, text=LINES + "limits: {run: 100d}\n")
    app.upload("lines/long.txt", b"one\n")
    app.pump()
    (long,) = [run.id for run in app.all_runs() if run.input.name == "lines/long.txt"]
    app.world.clock.advance(days=40)
    retain(app.engine)
    assert runs.need(app.world.tables, long).run.purged_at is None
    app.settle()
    app.world.clock.advance(days=29)
    retain(app.engine)
    assert runs.need(app.world.tables, long).run.purged_at is None
    app.world.clock.advance(days=1)
    retain(app.engine)
    assert runs.need(app.world.tables, long).run.purged_at
    assert not [row for row in app.world.tables.rows("runs") if row.key.startswith("later:")]


def test_a_run_whose_event_waits_is_kept(old):
    app = old(days=0)
    app.upload("lines/b.txt", b"one\n")

    class Silent:
        def publish(self, _event):
            raise Transient("503: the topic is busy")

    app.through(replace(app.world.ports, events=Silent()))
    app.settle(patience=timedelta(minutes=5))
    app.world.clock.advance(days=40)
    retain(app.engine)
    kept = [run.input.name for run in app.all_runs() if run.purged_at is None]
    assert kept == ["lines/b.txt"]
    app.through(app.world.ports)
    app.settle()
    retain(app.engine)
    assert all(run.purged_at for run in app.all_runs())


@pytest.mark.parametrize("pin", Pin)
def test_a_pin_stays_as_long_as_another_run_needs_it(app_with, pin):
    app = app_with(also={"after": AFTER}, program=failing)
    app.engine = replace(app.engine, pin=pin)
    app.pass_time()
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    first, second = sorted(app.all_runs(), key=lambda run: run.pipeline, reverse=True)
    assert first.input.pinned
    assert first.input.ref == second.input.ref
    app.world.clock.advance(days=20)
    app.program = lambda _item: [("part.txt", b"x\n")]
    steer.redrive(app.engine, second.id)
    app.settle()
    app.world.clock.advance(days=15)
    retain(app.engine)
    assert runs.need(app.world.tables, first.id).run.purged_at
    assert app.world.blobs.pins() == [second.input.ref]
    app.world.clock.advance(days=20)
    retain(app.engine)
    assert app.world.blobs.pins() == []
    assert app.world.blobs.names("engine", "job-") == []


def test_the_upload_of_a_request_stays_as_long_as_a_run_that_follows_needs_its_pin(app_with):
    app = app_with(also={"after": AFTER}, program=failing)
    app.pass_time()
    upload = naming.upload("token", "a.txt")
    app.world.blobs.put(upload.container, upload.name, b"one\n")
    job = app.engine.catalogue.pipeline("job")
    start_for_request(app.engine, job, "key", app.world.blobs.head(upload), {})
    app.settle()
    first, second = sorted(app.all_runs(), key=lambda run: run.pipeline, reverse=True)
    app.world.clock.advance(days=20)
    steer.redrive(app.engine, second.id)
    app.settle()
    app.world.clock.advance(days=15)
    retain(app.engine)
    assert runs.need(app.world.tables, first.id).run.purged_at
    assert app.world.blobs.head(second.input.ref)
    app.world.clock.advance(days=20)
    retain(app.engine)
    assert app.world.blobs.head(upload) is None


def test_the_pins_of_single_items_are_deleted_too(app_with):
    app = app_with(SET)
    for number in range(3):
        app.upload(f"set/{number}.txt", b"one\n")
    start_for_request(app.engine, app.engine.catalogue.pipeline("job"), "key", None, {})
    app.settle()
    assert len(app.world.blobs.snapshots("input")) == 3
    app.world.clock.advance(days=40)
    retain(app.engine)
    assert left_in_storage(app) == NOTHING
    assert len(app.world.blobs.names("input")) == 3


def test_a_damaged_row_stops_no_other(old):
    app = old(days=0)
    app.upload("lines/b.txt", b"one\n")
    app.settle()
    (damaged,) = [run for run in app.all_runs() if run.input.name == "lines/a.txt"]
    rows = app.world.tables._rows("runs", "job")
    rows[damaged.id] = Row("job", damaged.id, {"state": "odd"}, "W/1")
    app.world.clock.advance(days=40)
    retain(app.engine)
    assert [run for run in app.world.blobs.names("work") if damaged.id not in run] == []


def test_a_backup_shrinks_with_its_run(old):
    app = old()
    run = app.only_run()
    folder = f".backup/runs/{run.id}/"
    names = app.world.blobs.names
    assert names("engine", folder) == [f"{folder}g1-begun.json", f"{folder}g1-ended.json"]
    retain(app.engine)
    assert names("engine", folder) == [f"{folder}gone.json"]
    (ref,) = [f.ref for f in app.world.blobs.list("engine", folder)]
    assert json.loads(app.world.blobs.read(ref))["run"]["seal"] == ""
