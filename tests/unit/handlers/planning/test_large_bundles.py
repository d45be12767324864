"""Tasks of very many items: a page of the plan has as many tasks as fit into memory."""

import pytest

from pipeline.domain.plans import plan
from pipeline.domain.plans.plan import page_tasks
from pipeline.domain.runs.run import PublishedPlan
from pipeline.handlers.ending import steer
from pipeline.handlers.planning.planner import Sofar
from pipeline.handlers.published import read_page
from tests.fakes.batch import NodeLost
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES, content_of

ITEMS, BUNDLE = 95, 10


@pytest.fixture
def app(app_with, monkeypatch):
    """Return an app whose pages have at most 40 items: four tasks of ten."""
    monkeypatch.setattr(plan, "PAGE_ITEMS", 40)
    app = app_with(LINES + f"bundle: {{items: {BUNDLE}}}\n")
    app.world.blobs.put("input", "lines/a.txt", b"".join(b"%d\n" % n for n in range(ITEMS)))
    return app


@pytest.mark.parametrize(
    ("bundle", "tasks"), [(1, 100), (100, 100), (101, 99), (1_000, 10), (10_000, 1), (10**6, 1)]
)
def test_a_page_has_a_hundred_tasks_or_ten_thousand_items(bundle, tasks):
    assert page_tasks(bundle) == tasks


def test_every_item_of_small_pages_runs(app):
    app.settle()
    run = app.only_run()
    assert (run.state, run.succeeded) == ("succeeded", ITEMS)
    assert (run.plan.tasks, run.plan.pages, run.plan.page_tasks) == (10, 3, 4)
    pages = [read_page(app.engine, run.plan, number).page for number in range(3)]
    assert [len(page.tasks) for page in pages] == [4, 4, 2]
    numbers = [task.number for page in pages for task in page.tasks]
    assert numbers == list(range(10)) and [run.plan.page_of(n) for n in numbers] == [
        page.page for page in pages for _ in page.tasks
    ]
    assert len(content_of(app, run).splitlines()) == ITEMS


def test_what_failed_of_small_pages_is_executed_anew_and_redriven(app):
    echo, failing = app.program, {7, 45, 94}

    def program(item):
        return Failure(tail="no") if item.id in failing else echo(item)

    app.program = program
    app.settle()
    assert (app.only_run().state, app.only_run().failed) == ("failed", 3)
    failing.clear()
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    run = app.only_run()
    assert (run.state, run.succeeded, run.generation) == ("succeeded", ITEMS, 2)


def test_a_task_of_a_small_page_whose_node_was_lost_is_executed_anew(app):
    node, lost = app.world.node(app.program), []

    def execute(spec):
        if spec.id == "t000009" and not lost:
            lost.append(spec.id)
            raise NodeLost
        return node(spec)

    app.execute = execute
    app.settle()
    run = app.only_run()
    assert (lost, run.state, run.succeeded) == (["t000009"], "succeeded", ITEMS)


def test_tasks_of_small_pages_whose_receipts_are_lost_are_found(app):
    app.loses = lambda event: "/receipts/" in str(event["subject"])
    app.settle()
    assert (app.only_run().state, app.only_run().succeeded) == ("succeeded", ITEMS)


def test_plans_of_an_earlier_release_have_pages_of_a_hundred_tasks():
    body = {"folder": "f", "digest": "d", "pages": 3, "tasks": 250, "items": 250}
    assert PublishedPlan.model_validate(body).page_of(249) == 2
    assert Sofar.model_validate({"folder": "f"}).page_tasks == 100
