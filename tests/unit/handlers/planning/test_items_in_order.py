"""Which items a task has follows from its number, if the items of a plan are in order."""

from dataclasses import replace

import pytest

from pipeline.domain.plans import digests
from pipeline.domain.runs.messages import Queue, parse_event
from pipeline.handlers.collecting import receipts
from pipeline.handlers.collecting.gather import Gathered, Place, taken
from pipeline.handlers.ending import steer
from pipeline.handlers.published import PlannedItems
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES, content_of

BUNDLED = LINES + "bundle: {items: 4}\ntolerance: {failed_items: 50%}\n"


class Counting:
    """The blobs; counts the reads of pages, and of lists of their digests."""

    def __init__(self, blobs) -> None:
        self._blobs, self.pages, self.lists = blobs, 0, 0

    def __getattr__(self, name):
        return getattr(self._blobs, name)

    def read(self, ref, *args):
        self.pages += "/p-0" in ref.name
        self.lists += "/d-0" in ref.name
        return self._blobs.read(ref, *args)


@pytest.mark.parametrize("bundle", ["bundle: {items: 4}\n", ""])
def test_the_items_are_those_of_the_pages(app_with, bundle):
    app = app_with(LINES + bundle)
    app.upload("lines/a.txt", b"line\n" * 10)
    app.pump()
    plan = app.only_run().plan
    assert plan.bundle == (4 if bundle else 1)
    units = [f"t{number:06}" for number in range(plan.tasks)]
    by_number, by_page = (
        PlannedItems(app.engine, each) for each in (plan, plan.model_copy(update={"bundle": 0}))
    )
    assert [by_number.of(unit) for unit in units] == [by_page.of(unit) for unit in units]


def test_receipts_are_counted_without_a_page_and_assembly_checks_each_once(app_with):
    app = app_with(BUNDLED)
    app.upload("lines/a.txt", b"line\n" * 10)
    app.pump()
    app.run_tasks()
    counting = Counting(app.world.blobs)
    app.through(replace(app.world.ports, blobs=counting))
    (message,) = app.world.queues.receive(Queue.RECEIPTS, 1)
    receipts.on_receipts(parse_event(message.body), app.engine)
    assert counting.pages == 0
    app.settle()
    assert app.only_run().state == "succeeded"
    assert counting.pages == app.only_run().plan.pages == 1


def test_a_list_of_digests_is_read_once_for_all_ranges_of_tasks(app_with, monkeypatch):
    monkeypatch.setattr(digests, "FEW", 0)
    app = app_with(BUNDLED)
    app.upload("lines/a.txt", b"line\n" * 100)
    app.pump()
    run = app.only_run()
    counting = Counting(app.world.blobs)
    app.through(replace(app.world.ports, blobs=counting))
    since = Place(run.generation, task=1)  # the ranges before task 10 have one task each
    ranges = list(taken(app.engine, run, None, Gathered(), since))
    assert (len(ranges), counting.pages, counting.lists) == (11, 11, 1)


def test_the_items_of_a_redrive_are_not_in_order(app_with):
    app = app_with(BUNDLED, program=lambda item: Failure() if item.id % 3 == 1 else [("a", b"x\n")])
    app.upload("lines/a.txt", b"line\n" * 10)
    app.settle()
    app.program = lambda _item: [("a", b"x\n")]
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    run = app.only_run()
    assert (run.plan.bundle, run.plan.items) == (0, 3)
    assert content_of(app, run) == b"x\n" * 10
