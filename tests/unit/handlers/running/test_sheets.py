"""What a node reads of a plan: its own task's part, whatever the size of the page."""

import json

from pipeline.handlers.ending import steer
from pipeline.ports.batch import TaskSpec
from tests.fakes.batch import Outcome
from tests.fakes.crash import Injector
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES, content_of
from tests.unit.handlers.nodes import watched

BUNDLED = LINES + "bundle: {items: 20}\n"
FAILING = BUNDLED + "retries: {node-lost: 2}\n"
TEXT = b"".join(b"%01600d\n" % number for number in range(200))
WHOLE = b"".join(b"%d\n" % number for number in range(200))


def page_of(app, spec: TaskSpec) -> dict:
    """Read what a task is given as its page."""
    return json.loads(app.world.blobs.read(app.world.blobs.at(spec.inputs[0].url)))


def test_a_task_reads_its_own_items_and_few_others(app_with):
    app = app_with(BUNDLED)
    seen = watched(app)
    app.upload("lines/a.txt", TEXT)
    app.settle()
    assert content_of(app, app.only_run()) == WHOLE
    assert len(seen) == 10
    for spec in seen:
        numbers = [task["number"] for task in page_of(app, spec)["tasks"]]
        assert int(spec.environment["FANFARE_TASK"]) in numbers
        assert len(numbers) <= 4  # of 32 kB each


def test_tasks_of_a_small_page_read_the_page_itself(app_with):
    app = app_with(BUNDLED)
    app.upload("lines/a.txt", b"x\n" * 60)
    app.settle()
    pages = [name for name in app.world.blobs.names("engine") if "/plan/" in name]
    assert len(pages) == 1


def test_a_further_execution_reads_the_sheet_of_the_first(app_with):
    app, lost = app_with(FAILING), []

    def lose_one(spec: TaskSpec) -> Outcome | None:
        if spec.id == "t000004" and not lost:
            lost.append(spec)
            return Outcome(None, "TaskEnded", "servererror", "The node was lost")
        return None

    seen = watched(app, lose_one)
    app.upload("lines/a.txt", TEXT)
    app.settle()
    assert content_of(app, app.only_run()) == WHOLE
    urls = [spec.inputs[0].url for spec in seen if spec.id == "t000004"]
    assert len(urls) == 2
    assert urls[0] == urls[1]


def test_a_page_submitted_twice_leaves_the_same_blobs(app_with):
    calls = Injector()
    app = app_with(BUNDLED)
    app.through(calls.ports(app.world.ports))
    app.upload("lines/a.txt", TEXT)
    app.settle()
    (adding,) = [call for call in calls.trace if call.verb == "add"]
    expected = app.world.blobs.names("engine")
    again = app_with(BUNDLED)
    crash = Injector(adding.number, "before")
    again.through(crash.ports(again.world.ports))
    again.upload("lines/a.txt", TEXT)
    again.settle()
    assert again.crashes == 1
    left = again.world.blobs.names("engine")
    assert [n.rsplit("/", 1)[-1] for n in left] == [n.rsplit("/", 1)[-1] for n in expected]


def test_items_that_a_redrive_executes_come_from_sheets_too(app_with):
    app = app_with(BUNDLED)
    app.program = lambda item: Failure() if item.id % 2 else [("part.txt", b"%d\n" % item.id)]
    app.upload("lines/a.txt", TEXT)
    app.settle()
    assert app.only_run().state == "failed"
    app.program = lambda item: [("part.txt", b"%d\n" % item.id)]
    seen = watched(app)
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    assert content_of(app, app.only_run()) == WHOLE
    assert sum(len(page_of(app, spec)["tasks"]) for spec in seen) < 5 * 5
