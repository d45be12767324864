"""What others may have written does not decide what a rebuilt ledger says."""

import json

import pytest

from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.ending import steer
from pipeline.ledger import runs, tasks
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import LINES
from tests.unit.handlers.keeping.test_rebuild import lose, rebuilt

TOLERANT = LINES + "tolerance: {failed_items: 5}\n"


def half(item):
    return Failure() if item.id else [("part.txt", b"good\n")]


@pytest.fixture
def app(app_with):
    """An app with a run of two items, one of which failed."""
    made = app_with(TOLERANT, program=half)
    made.upload("lines/a.txt", b"one\ntwo\n")
    made.settle()
    return made


def receipt_of(app, unit: str) -> BlobRef:
    run = app.only_run()
    (facts,) = app.world.blobs.list("receipts", run.names.receipts(run.names.address(unit)))
    return facts.ref


def change(app, ref: BlobRef, edit) -> None:
    content = json.loads(app.world.blobs.read(ref))
    edit(content)
    app.world.blobs.put(ref.container, ref.name, json.dumps(content).encode())


def recorded(app) -> list[str]:
    run = app.only_run()
    return [result.unit for result in tasks.results(app.world.tables, run.id, run.generation)]


def succeed(content: dict) -> None:
    (item,) = content["items"]
    item |= {"outcome": "succeeded", "cause": None, "outputs": []}


def test_receipts_that_claim_more_than_the_verdict_counted_are_not_put_back(app):
    change(app, receipt_of(app, "t000001"), succeed)
    lose(app, "tasks")
    done = rebuilt(app)
    assert recorded(app) == []
    assert "claim 2 items, its verdict counted 1" in done.refused[0]
    app.program = lambda _item: [("part.txt", b"new\n")]
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    assert app.only_run().succeeded == 2


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: c.update(attempt="f" * 16), "have different attempts"),
        (lambda c: c["items"][0].update(id=7), "not those of its task"),
        (lambda c: c["items"][0].update(seconds=-1), "greater than or equal to 0"),
        (lambda c: c.update(items="many"), "items"),
    ],
)
def test_a_receipt_that_contradicts_its_task_does_not_count(app, edit, said):
    change(app, receipt_of(app, "t000000"), edit)
    lose(app, "tasks")
    done = rebuilt(app)
    assert recorded(app) == ["t000001"]
    assert said in done.refused[0]


def test_a_receipt_where_nobody_was_told_to_put_one_does_not_count(app):
    ref, run = receipt_of(app, "t000000"), app.only_run()
    guessed = f"{run.id}/g1/t000001/x0-{'0' * 32}/r-{'a' * 16}.json"
    app.world.blobs.put("receipts", guessed, app.world.blobs.read(ref))
    lose(app, "tasks")
    done = rebuilt(app)
    assert done.refused == [f"{guessed}: nobody was told to put it there"]
    assert recorded(app) == ["t000000", "t000001"]


def test_a_receipt_that_is_too_large_is_not_read(app):
    ref = receipt_of(app, "t000000")
    app.world.blobs.put(ref.container, ref.name, b" " * ((1 << 20) + 1))
    lose(app, "tasks")
    assert "too large" in rebuilt(app).refused[0]


def change_page(app) -> None:
    page = app.only_run().plan.page(0)
    app.world.blobs.put(page.container, page.name, b"{}")


def test_a_page_of_the_plan_that_was_changed_is_not_believed(app):
    held = runs.need(app.world.tables, app.only_run().id)
    unordered = held.run.plan.model_copy(update={"bundle": 0})
    runs.move(app.world.tables, held, held.run.model_copy(update={"plan": unordered}))
    change_page(app)
    lose(app, "tasks")
    assert "was changed" in rebuilt(app).refused[0]
    assert recorded(app) == []


def test_where_the_items_are_in_order_no_page_is_needed(app):
    before = recorded(app)
    change_page(app)
    lose(app, "tasks")
    assert rebuilt(app).refused == []
    assert recorded(app) == before != []


def test_a_receipt_alone_makes_no_run(app):
    """Or who can write one could keep an input from ever running."""
    future = naming.run_id("job", ("request", "tomorrow"))
    path = f"{future}/g1/t000000/x0-{'0' * 32}/r-{'a' * 16}.json"
    app.world.blobs.put("receipts", path, b"{}")
    lose(app, "runs")
    rebuilt(app)
    assert not runs.exists(app.world.tables, future)


def backup(app, phase: str = "g1-ended") -> BlobRef:
    return BlobRef("engine", f".backup/runs/{app.only_run().id}/{phase}.json")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: c["run"].update(id="job-" + "0" * 20), "that of another run"),
        (lambda c: c["run"].update(generation=3), "that of another generation"),
        (lambda c: c["run"].update(state="running"), "the run is running"),
        (lambda c: c["run"].update(state="odd"), "run.state"),
        (lambda c: c.pop("run"), "Field required"),
    ],
)
def test_a_backup_that_contradicts_its_name_is_refused(app, edit, said):
    ref = backup(app)
    change(app, ref, edit)
    lose(app, "runs")
    assert said in rebuilt(app).refused[0]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: c.update(run="job-" + "0" * 20), "that of another run"),
        (lambda c: c.update(pipeline="other"), "that of another pipeline"),
        (lambda c: c.update(files="many"), "files"),
    ],
)
def test_a_manifest_that_contradicts_its_name_is_refused(app, edit, said):
    for name in app.world.blobs.names("engine"):
        app.world.blobs.remove("engine", name)
    change(app, app.only_run().names.manifest, edit)
    lose(app, "runs")
    assert said in rebuilt(app).refused[0]
    assert app.all_runs() == []
