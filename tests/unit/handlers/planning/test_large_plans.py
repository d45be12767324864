"""Plans of several pages: submitted in any order, twice, in part."""

import json
import random

import pytest

from pipeline.domain.runs import naming
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import BlobRef, unit_name
from pipeline.handlers.doors import dispatch
from pipeline.handlers.planning.pages import plan_pages
from pipeline.handlers.published import PlannedItems
from pipeline.ledger import runs
from tests.unit.handlers.conftest import BLOB, PLAIN, content_of

LARGE = BLOB + PLAIN + "split: {range: {stop: 250, step: 1}}\n"
WHOLE = b"".join(b"%d\n" % number for number in range(250))


def planned(app_with, **more):
    """Bring a run of 250 tasks to the point where its three pages wait to be submitted."""
    app = app_with(LARGE, **more)
    app.upload("lines/a.txt", b"x")
    app.claim()
    app.take("work")
    return app


def test_250_tasks_are_three_pages_and_one_output(app_with):
    app = planned(app_with)
    pages = [json.loads(body).get("page", 0) for body in app.world.queues.bodies("work")]
    assert pages == [0, 1, 2]
    app.settle()
    assert app.only_run().succeeded == 250
    assert content_of(app, app.only_run()) == WHOLE


@pytest.mark.parametrize("seed", range(2))
def test_pages_may_come_twice_and_in_any_order(app_with, seed):
    app = planned(app_with)
    messages = app.world.queues.receive("work", 9)
    bodies = [message.body for message in messages] * 2
    random.Random(seed).shuffle(bodies)
    for message in messages:
        app.world.queues.delete("work", message)
    for body in bodies:
        app.world.queues.send("work", body)
        app.pump()
        app.run_tasks()
    app.settle()
    assert content_of(app, app.only_run()) == WHOLE
    assert sum(len(job.tasks) for job in app.world.batch.jobs.values()) == 250


def test_a_page_whose_message_was_lost_is_asked_for_again(app_with):
    app = planned(app_with)
    lost = app.world.queues.receive("work", 2)[1]
    app.world.queues.delete("work", lost)
    app.settle()
    assert content_of(app, app.only_run()) == WHOLE


def test_tasks_of_a_page_that_is_not_in_yet_are_not_missed(app_with):
    app = planned(app_with)
    app.world.queues.receive("work", 1)
    for body in app.world.queues.bodies("work")[1:]:
        dispatch.handle(app.engine, Queue.WORK, body)
    app.loses = lambda event: "/receipts/" in str(event["subject"])
    app.run_tasks()
    for _ in range(11):
        app.world.clock.advance(minutes=1)
        app.pass_time()
    assert [job for job in app.world.batch.jobs if job.endswith("-r1")] == []
    app.settle()
    assert content_of(app, app.only_run()) == WHOLE


def test_a_page_of_another_plan_is_dropped(app_with):
    app = planned(app_with)
    body = json.loads(app.world.queues.bodies("work")[0]) | {"digest": "of another"}
    dispatch.handle(app.engine, Queue.WORK, json.dumps(body))
    assert app.world.batch.active(app.only_run().job) == []


def test_bundles_carry_neighbouring_items(app_with):
    app = app_with(LARGE + "bundle: {items: 100}\n")
    app.upload("lines/a.txt", b"x")
    app.settle()
    assert content_of(app, app.only_run()) == WHOLE
    assert sum(len(job.tasks) for job in app.world.batch.jobs.values()) == 3


def test_units_of_one_page_need_one_read(app_with):
    app = planned(app_with)
    plan = app.only_run().plan
    items = PlannedItems(app.engine, plan)
    assert items.of(unit_name(7)) == (7,)
    app.world.blobs.delete(naming.plan_page(plan.folder, 0))
    assert [items.of(unit_name(n)) for n in (99, 100, 249)] == [(99,), (100,), (249,)]


def test_notes_on_why_a_run_waits_do_not_make_its_plan_begin_anew(app_with):
    app = app_with(LARGE)
    real, pages = app.world.blobs.write, []

    def write(ref, *args, **more):
        if ref.name.endswith(".json") and "/plan/" in ref.name:
            pages.append(ref.name)
            held = runs.need(app.world.tables, app.only_run().id)
            noted = held.run.model_copy(update={"why": f"note {len(pages)}"})
            runs.move(app.world.tables, held, noted)
        return real(ref, *args, **more)

    app.world.blobs.write = write
    app.upload("lines/a.txt", b"x")
    app.settle()
    assert app.only_run().succeeded == 250
    assert len(pages) == len(set(pages)) == 3


def test_a_plan_is_made_page_by_page_while_its_input_is_read(app_with):
    app = app_with(BLOB + PLAIN + "split: {lines: {}}\n")
    app.upload("lines/a.txt", b"some text\n" * 300)
    app.pump()
    (content,) = app.world.blobs.stream(BlobRef("input", "lines/a.txt"))
    read: list[int] = []

    def chunks(_ref):
        for start in range(0, len(content), 100):
            read.append(start)
            yield content[start : start + 100]

    app.world.blobs.stream = chunks
    pages = plan_pages(app.engine, app.only_run())
    assert read in ([], [0])  # the beginning tells the encoding
    assert len(next(pages).tasks) == 100
    assert 0 < len(read) < 15
    assert [len(page.tasks) for page in pages] == [100, 100]
