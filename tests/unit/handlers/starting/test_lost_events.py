"""The comparison of blobs with runs: one pipeline's error spares the others, `apis` are obeyed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.errors import Permanent, Transient
from pipeline.handlers.starting import lost_events
from pipeline.ledger import watermarks
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import LongStep
from tests.unit.handlers.conftest import BLOB, LINES, PLAIN

OTHER = BLOB.replace("lines/", "more/") + PLAIN + "split: {blobs: {}}\n"
EVERY = "apis: [FlushWithClose, CopyBlob, PutBlob, PutBlockList]"


def with_apis(apis: str) -> str:
    return LINES.replace("prefix: lines/", f"prefix: lines/, {apis}")


def lose(app, *uploads: tuple[str, str]) -> None:
    """Upload blobs whose events never arrive, and wait until these events are overdue."""
    lost_events.activate(app.engine)
    app.loses = lambda event: "/receipts/" not in str(event["subject"])
    for container, name in uploads:
        app.upload(name, b"one\n", container)
    app.world.clock.advance(minutes=20)


BUSY = Transient("503: the service is busy")


def refuse(app, port: str, verb: str, applies, error: Exception = BUSY) -> None:
    """Make a verb fail for some arguments."""
    real = getattr(app.world.ports, port)

    class Refusing:
        def __getattr__(self, name):
            def call(*args):
                if name == verb and applies(*args):
                    raise error
                return getattr(real, name)(*args)

            return call

    app.through(replace(app.world.ports, **{port: Refusing()}))


def test_a_pipeline_that_fails_does_not_keep_the_others_from_recovery(app_with, caplog):
    app = app_with(also={"other": OTHER})
    lose(app, ("input", "lines/a.txt"), ("input", "more/a.txt"))
    refuse(app, "blobs", "list_pages", lambda _, prefix, __: prefix == "lines/")
    assert lost_events.sweep_events(app.engine) == 1
    assert [run.pipeline for run in app.all_runs()] == ["other"]
    assert "Search for lost events failed: the next sweep searches again" in caplog.messages
    app.through(app.world.ports)
    assert lost_events.sweep_events(app.engine) == 1


def test_a_run_that_cannot_start_stops_no_other_and_is_tried_again(app_with):
    app = app_with()
    lose(app, ("input", "lines/a.txt"), ("input", "lines/b.txt"))
    refused = {}

    def first_claim(_table, _partition, operations):
        claims = any("t:" in operation.row.key for operation in operations)
        return claims and refused.setdefault("key", operations[0].row.key) == operations[0].row.key

    refuse(app, "tables", "transact", first_claim)
    assert lost_events.sweep_events(app.engine) == 1
    app.through(app.world.ports)
    app.world.clock.advance(hours=5)
    assert lost_events.sweep_events(app.engine) == 1
    assert len(app.all_runs()) == 2


@pytest.mark.parametrize("apis", ["apis: [CopyBlob]", "apis: [PutBlob, PutBlockList]"])
def test_a_trigger_that_restricts_apis_is_left_to_backfill_and_says_so_once(app_with, caplog, apis):
    app = app_with(with_apis(apis))
    lose(app, ("input", "lines/a.txt"))
    for _ in range(3):
        assert lost_events.sweep_events(app.engine) == 0
        app.world.clock.advance(hours=1)
    assert app.all_runs() == []
    logged = [text for text in caplog.messages if "lost events are not searched for" in text]
    assert len(logged) == 1


def test_a_trigger_that_lists_every_api_is_looked_after(app_with):
    app = app_with(with_apis(EVERY))
    lose(app, ("input", "lines/a.txt"))
    assert lost_events.sweep_events(app.engine) == 1


def test_what_a_trigger_refused_is_not_started_when_it_takes_every_api_later(app_with):
    narrow = app_with(with_apis("apis: [CopyBlob]"))
    lose(narrow, ("input", "lines/a.txt"))
    lost_events.sweep_events(narrow.engine)
    narrow.world.clock.advance(hours=3)
    lost_events.sweep_events(narrow.engine)
    wide = replace(app_with().engine, ports=narrow.world.ports)
    assert lost_events.sweep_events(wide) == 0


def test_a_search_that_takes_long_goes_on_where_it_stopped(app_with):
    app = app_with()
    lose(app, *(("input", f"lines/{number}.txt") for number in range(5)))
    app.world.blobs.per_page = 2
    before = watermarks.watched(app.world.tables, "job").swept
    app.hurry(timedelta(seconds=3), timedelta(seconds=1))
    started = []
    for _ in range(3):
        assert watermarks.watched(app.world.tables, "job").swept == before
        started.append(lost_events.sweep_events(app.engine.begun()))
    assert started == [2, 2, 1]
    assert watermarks.watched(app.world.tables, "job").swept > before
    assert lost_events.sweep_events(app.engine) == 0


def test_a_search_whose_marker_is_refused_begins_anew(app_with):
    app = app_with()
    lose(app, *(("input", f"lines/{number}.txt") for number in range(3)))
    app.world.blobs.per_page = 2
    app.hurry(timedelta(seconds=3), timedelta(seconds=1))
    lost_events.sweep_events(app.engine.begun())
    refuse(app, "blobs", "list_pages", lambda *args: args[2], Permanent("400: OutOfRangeInput"))
    assert lost_events.sweep_events(app.engine) == 0
    assert lost_events.sweep_events(app.engine) == 1


def test_two_searches_do_not_run_at_once(app_with):
    app = app_with()
    lose(app, ("input", "lines/a.txt"))
    step = LongStep("job", 0, "lost-events")
    other = slices.take(app.world.tables, step, "other", app.world.clock.now())
    assert lost_events.sweep_events(app.engine) == 0
    slices.release(app.world.tables, other, app.world.clock.now())
    assert lost_events.sweep_events(app.engine) == 1


def test_what_the_limit_left_is_started_by_later_searches_however_late(app_with, monkeypatch):
    monkeypatch.setattr(lost_events, "MAX_STARTS", 2)
    app = app_with(also={"other": OTHER})
    lose(app, *(("input", f"{folder}/{n}.txt") for folder in ("lines", "more") for n in range(3)))
    started = []
    for _ in range(4):
        started.append(lost_events.sweep_events(app.engine))
        app.world.clock.advance(hours=3)  # longer than the searches overlap
    assert started == [2, 2, 2, 0]
    assert len(app.all_runs()) == 6
