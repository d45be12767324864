"""What is assembled in slices is what one invocation would make."""

import json
import math
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.assembling import assemblers, contents, members, staging
from pipeline.handlers.collecting import gathering, indexing
from pipeline.handlers.ending import steer
from pipeline.handlers.planning import planner
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import LongStep
from tests.fakes import blobs
from tests.fakes.crash import Injector
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BLOB, content_of

ITEMS = 12
LIMIT, A_LOOK = timedelta(seconds=30), timedelta(seconds=1)
RANGE = BLOB + "split: {range: {stop: 12, step: 1}}\nbundle: {items: 2, pack: false}\n"
ROWS = {
    "plain": lambda item: b"%d\r\n" % item.id,
    "text": lambda item: b"%d\r\n\n" % item.id,
    "csv": lambda item: b"a,b\n%d,x\n" % item.id if item.id % 2 else b"b,a\nx,%d\n" % item.id,
    "jsonl": lambda item: b'{"n": %d}' % item.id,
}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Let everything be large."""
    monkeypatch.setattr(indexing, "FEW", 5)
    monkeypatch.setattr(assemblers, "STREAMED", 10)
    monkeypatch.setattr(gathering, "PER_CHUNK", 3)
    monkeypatch.setattr(staging, "_AT_ONCE", 2)


def text(how: str, more: str = "") -> str:
    return RANGE + f"assemble: {{concatenate: {{format: {how}, name: all.txt}}}}\n" + more


def started(app_with, definition: str, program):
    """Return an app whose invocations take a few items only, with a run that began."""
    app = app_with(definition, program=program)
    app.hurry(LIMIT, A_LOOK)
    app.upload("lines/a.txt", b"x")
    return app


@pytest.mark.parametrize("how", ROWS)
def test_an_output_is_the_same_in_slices(app_with, caplog, how):
    program = lambda item: [("part.txt", ROWS[how](item))]  # noqa: E731 - of this format
    whole = app_with(text(how), program=program)
    whole.upload("lines/a.txt", b"x")
    whole.settle()
    caplog.set_level("INFO", "fanfare")
    app = started(app_with, text(how), program)
    app.settle()
    assert content_of(app, app.only_run()) == content_of(whole, whole.only_run())
    said = [record.why for record in caplog.records if record.message == "Step sent on"]
    assert any("tasks are gathered" in why for why in said)
    assert any("are staged" in why for why in said)


def test_an_archive_is_the_same_in_slices(app_with):
    definition = RANGE + "assemble: {zip: {name: all.zip}}\n"
    program = lambda item: [(f"{item.id}.txt", b"x" * 1000)]  # noqa: E731
    whole = app_with(definition, program=program)
    whole.upload("lines/a.txt", b"x")
    whole.settle()
    app = started(app_with, definition, program)
    app.settle()
    run = app.only_run()
    assert content_of(app, run) == content_of(whole, whole.only_run())
    assert len([name for name in app.world.blobs.names("engine") if "/zipped/" in name]) > 1


@pytest.mark.parametrize("held", [1, 2, 5])
def test_an_archive_holds_few_of_its_members(app_with, monkeypatch, held):
    definition = RANGE + "assemble: {zip: {name: all.zip}}\n"
    program = lambda item: [("part.txt", b"%d" % item.id)]  # noqa: E731
    whole = app_with(definition, program=program)
    whole.upload("lines/a.txt", b"x")
    whole.settle()
    monkeypatch.setattr(members, "LISTED", held)
    app = started(app_with, definition, program)
    app.settle()
    assert content_of(app, app.only_run()) == content_of(whole, whole.only_run())
    lists = [name for name in app.world.blobs.names("engine") if "/zipped/" in name]
    kept = [json.loads(app.world.blobs.read(BlobRef("engine", name))) for name in lists]
    assert max(map(len, kept)) <= held


def test_a_list_of_members_that_was_harmed_ends_the_run(app_with):
    definition = RANGE + "assemble: {zip: {name: all.zip}}\n"
    app = started(app_with, definition, lambda item: [("a.txt", b"%d" % item.id)])
    app.pump()
    app.run_tasks()
    while not (found := [n for n in app.world.blobs.names("engine") if "/zipped/" in n]):
        app.take("receipts") or app.take("work")
    app.world.blobs.write(BlobRef("engine", found[0]), b"[]")
    app.settle()
    run = app.only_run()
    assert run.state == "failed"
    assert "a list of members, was changed" in run.error


REDUCED = RANGE + (
    "assemble: {reduce: {name: all.json, fields: {n: sum, all: list, x: sum, first: first}}}\n"
)


def numbers(item):
    return [("a.json", b'{"n": %d, "all": %d, "x": 0.1, "first": %d}' % ((item.id,) * 3))]


def test_a_reduction_is_the_same_in_slices(app_with):
    whole = app_with(REDUCED, program=numbers)
    whole.upload("lines/a.txt", b"x")
    whole.settle()
    app = started(app_with, REDUCED, numbers)
    app.settle()
    run = app.only_run()
    assert content_of(app, run) == content_of(whole, whole.only_run())
    assert json.loads(content_of(app, run)) == {
        "n": 66, "all": [*range(ITEMS)], "x": math.fsum([0.1] * ITEMS), "first": 0,
    }  # fmt: skip
    assert len([name for name in app.world.blobs.names("engine") if "/reduced/" in name]) > 1


def test_a_reduction_that_was_harmed_ends_the_run(app_with):
    app = started(app_with, REDUCED, numbers)
    app.pump()
    app.run_tasks()
    while not (found := [n for n in app.world.blobs.names("engine") if "/reduced/" in n]):
        app.take("receipts") or app.take("work")
    for name in found:
        app.world.blobs.write(BlobRef("engine", name), b"{}")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "program-failed")
    assert "was changed" in run.error


def test_a_reduction_that_does_not_fit_into_memory_is_refused(app_with, monkeypatch):
    monkeypatch.setattr(assemblers, "MAX_REDUCED", 60)
    app = started(app_with, REDUCED, numbers)
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "program-failed")
    assert "use a program, or `concatenate` with `format: jsonl`" in run.error


def test_a_redrive_in_slices_adds_what_failed_before(app_with):
    fails = lambda item: Failure() if item.id % 3 == 0 else [("a.txt", b"%d\n" % item.id)]  # noqa: E731
    app = started(app_with, text("text"), fails)
    app.settle()
    assert app.only_run().state == "failed"
    app.program = lambda item: [("a.txt", b"%d\n" % item.id)]
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    run = app.only_run()
    assert (run.state, run.plan.items) == ("succeeded", 4)
    assert content_of(app, run) == b"".join(b"%d\n" % n for n in range(ITEMS))


def test_an_item_that_succeeds_without_output_has_none_of_an_earlier_generation(app_with):
    fails = lambda item: Failure() if item.id == 0 else [("a.txt", b"old %d\n" % item.id)]  # noqa: E731
    app = started(app_with, text("text"), fails)
    app.settle()
    (name,) = [name for name in app.world.blobs.names("work") if "/out/t000000/" in name]
    late = BlobRef("work", name)
    content = app.world.blobs.read(late)
    app.world.blobs.remove(late.container, late.name)
    app.program = lambda item: [] if item.id == 1 else [("a.txt", b"%d\n" % item.id)]
    steer.redrive(app.engine, app.only_run().id)
    while app.pump():
        pass
    assert app.only_run().plan.items == 2
    app.world.blobs.write(late, content)  # it was only late
    app.settle()
    run = app.only_run()
    assert (run.state, run.succeeded, run.without_output) == ("succeeded", ITEMS, 1)
    assert content_of(app, run) == b"0\n" + b"".join(b"old %d\n" % n for n in range(2, ITEMS))


def test_a_redrive_gathers_its_former_results_once(app_with, monkeypatch):
    app = started(app_with, text("text"), lambda _item: Failure())
    app.settle()
    steer.redrive(app.engine, app.only_run().id)
    read, taken = [], gathering.taken

    def noting(engine, run, *more):
        for place in taken(engine, run, *more):
            read.append(place)
            yield place

    monkeypatch.setattr(gathering, "taken", noting)
    while app.pump():
        pass
    run = app.only_run()
    assert run.plan.items == ITEMS
    assert slices.read(app.world.tables, planner.step_of(run)).turn > 4
    assert read == sorted(read, key=lambda place: place.task), "it was gathered again"
    assert {place.task for place in read} == set(range(1, 7))


@pytest.mark.parametrize("harm", ["changed", "deleted"])
def test_what_was_gathered_and_is_harmed_ends_the_run(app_with, harm):
    app = started(app_with, text("text"), lambda item: [("a.txt", b"%d\n" % item.id)])
    app.pump()
    app.run_tasks()
    while not (found := [n for n in app.world.blobs.names("engine") if "/gathered/" in n]):
        app.take("receipts") or app.take("work")
    for name in found:
        if harm == "deleted":
            app.world.blobs.remove("engine", name)
        else:
            app.world.blobs.write(BlobRef("engine", name), b"{}")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert f"was {harm}" in run.error


def test_one_invocation_at_a_time_assembles(app_with):
    app = started(app_with, text("text"), lambda item: [("a.txt", b"%d\n" % item.id)])
    app.pump()
    app.run_tasks()
    run = app.only_run()
    later = app.engine.now + timedelta(minutes=10)
    slices.take(app.world.tables, LongStep.of(run, "assemble"), "other", later)
    while app.only_run().state == "running":
        app.pump()
    app.pump()
    assert app.only_run().state == "assembling"
    assert not [name for name in app.world.blobs.names("engine") if "/gathered/" in name]
    app.settle()
    assert app.only_run().state == "succeeded"


class Losing:
    """A writer whose blocks vanish once, as if another invocation had committed."""

    def __init__(self, app) -> None:
        self._app, self._writer, self.times = app, app.engine.ports.writer, 1

    def __getattr__(self, name):
        return getattr(self._writer, name)

    def commit(self, ref, *more, **named):
        if self.times:
            self.times -= 1
            self._app.world.blobs.write(ref, b"")
            self._app.world.blobs.delete(ref)
        return self._writer.commit(ref, *more, **named)


def test_a_file_whose_blocks_vanished_begins_anew_in_another_folder(app_with):
    app = started(app_with, text("plain"), lambda item: [("a.txt", b"%d\n" % item.id)])
    app.through(replace(app.engine.ports, writer=Losing(app)))
    app.settle()
    run = app.only_run()
    assert run.state == "succeeded", run.error
    assert content_of(app, run) == b"".join(b"%d\n" % n for n in range(ITEMS))
    assert app.engine.ports.writer.times == 0


class Slow:
    """Blobs of which each read takes ten seconds; another invocation tries to take the step."""

    def __init__(self, app) -> None:
        self._app, self._blobs, self.taken = app, app.world.ports.blobs, []

    def __getattr__(self, name):
        return getattr(self._blobs, name)

    def stream(self, ref, *more):
        for chunk in self._blobs.stream(ref, *more):
            self._app.world.clock.advance(seconds=10)
            if ref.container == "work":
                step, now = LongStep.of(self._app.only_run(), "assemble"), self._app.engine.now
                self.taken.append(slices.take(self._app.world.tables, step, "other", now))
            yield chunk


def test_a_step_is_kept_while_an_output_becomes_nearly_nothing(app_with, monkeypatch):
    monkeypatch.setattr(contents, "_AHEAD", 10)
    monkeypatch.setattr(blobs, "CHUNK", 10_000)
    definition = RANGE + "assemble: {zip: {name: all.zip}}\n"
    app = app_with(definition, program=lambda _item: [("a.txt", bytes(100_000))])
    slow = Slow(app)
    app.through(replace(app.world.ports, blobs=slow))
    app.upload("lines/a.txt", b"x")
    app.settle()
    assert app.only_run().state == "succeeded", app.only_run().error
    assert {type(found) for found in slow.taken} == {slices.Busy}


def test_more_than_may_pass_through_the_app_is_refused_before_it_is_read(app_with, monkeypatch):
    monkeypatch.setattr(assemblers, "MAX_STREAMED", 20)
    app = started(app_with, text("text"), lambda item: [("a.txt", b"%d\n" % item.id)])
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "program-failed")
    assert "use `format: plain` or a program" in run.error


def test_one_output_that_is_too_large_for_the_app_is_named_before_any_is_read(
    app_with, monkeypatch
):
    monkeypatch.setattr(assemblers, "MAX_PART", 2)
    app = started(app_with, text("text"), lambda item: [("a.txt", b"%d\n" % item.id)])
    calls = Injector()
    app.through(calls.ports(app.engine.ports))
    app.settle()
    assert "stream" not in {call.verb for call in calls.trace if call.port == "blobs"}
    assert "stage" not in {call.verb for call in calls.trace if call.port == "writer"}
    run = app.only_run()
    assert run.state == "failed"
    assert "a.txt of item 10 has" in run.error


def test_parts_that_are_small_together_are_not_read_to_be_measured(app_with, monkeypatch):
    def reads() -> int:
        app = started(app_with, text("text"), lambda item: [("a.txt", b"%d\n" % item.id)])
        real, read = app.world.blobs.read, []
        app.world.blobs.read = lambda ref, *args: read.append(ref.name) or real(ref, *args)
        app.settle()
        assert app.only_run().state == "succeeded", app.only_run().error
        return sum("/gathered/" in name for name in read)

    unmeasured = reads()
    monkeypatch.setattr(assemblers, "MAX_PART", 5)  # of 26 bytes
    assert unmeasured < reads()
