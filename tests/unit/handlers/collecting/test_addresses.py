"""What a program that knows all names but the secret ones can forge: nothing that counts."""

import json
from datetime import timedelta

import pytest

from pipeline.domain.runs.naming import Generation
from pipeline.handlers.doors import http
from tests.fakes.clock import START

ATTEMPT = "f" * 16


def receipt(outputs=()):
    item = {"id": 0, "outcome": "succeeded", "outputs": list(outputs)}
    said = {"version": 1, "attempt": ATTEMPT, "seconds": 1.0, "items": [item]}
    return json.dumps(said).encode()


def started(app_with):
    """Return an app whose run waits for its task to be executed."""
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    return app, app.only_run()


@pytest.mark.parametrize(
    "address",
    [
        "t000000",
        f"t000000/x0-{'0' * 32}",
        f"t000000/x1-{'0' * 32}",
        Generation("job-954f3bcbffccf03b7a2f", 1, "0" * 32).address("t000000"),
    ],
)
def test_a_receipt_elsewhere_counts_nothing(app_with, caplog, address):
    app, run = started(app_with)
    name = f"{run.names.receipts(address)}/r-{ATTEMPT}.json"
    app.world.blobs.put("receipts", name, receipt())
    app.pump()
    assert app.only_run().state == "running"
    assert "Receipt ignored: nobody was told to put it there" in caplog.messages
    app.settle()
    assert (app.only_run().state, app.only_run().succeeded) == ("succeeded", 1)
    assert app.only_run().without_output == 0  # the program's own receipt counted


def test_the_sweep_counts_no_receipt_elsewhere(app_with):
    app, run = started(app_with)
    name = f"{run.names.receipts('t000000')}/r-{ATTEMPT}.json"
    app.world.blobs.put("receipts", name, receipt())
    (event,) = app.world.queues.receive("receipts", 10)
    app.world.queues.delete("receipts", event)  # it is lost
    app.pass_time(timedelta(hours=1))
    assert app.only_run().state == "running"


def test_places_differ_by_run_generation_unit_and_execution():
    seal = "0123456789abcdef" * 2
    names = [Generation("a", 1, seal), Generation("b", 1, seal), Generation("a", 2, seal)]
    names.append(Generation("a", 1, seal[::-1]))
    addresses = [
        one.address(unit, n) for one in names for unit in ("t000000", "split") for n in (0, 1)
    ]
    assert len({address.rpartition("-")[2] for address in addresses}) == len(addresses) == 16


@pytest.mark.parametrize("deleted", [False, True])
def test_a_page_that_was_changed_ends_the_run_and_names_the_page(app_with, deleted):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    run = app.only_run()
    page = run.plan.page(0)
    if deleted:
        app.run_tasks()
        app.world.blobs.delete(page)
    else:
        app.world.blobs.write(page, app.world.blobs.read(page) + b" ")
    app.settle()
    ended = app.only_run()
    assert ended.state == "failed"
    assert page.name in ended.error
    assert "start a new run of its input" in ended.error


def test_a_chosen_result_that_was_changed_is_not_committed(app_with):
    app, run = started(app_with)
    app.world.blobs.put("engine", run.names.chosen.name, b'{"files": []}')
    app.settle()
    assert (app.only_run().state, app.only_run().cause) == ("failed", "output-unusable")


def test_no_url_of_a_task_names_a_place_before_it_runs(app_with):
    app, run = started(app_with)
    (job,) = app.world.batch.jobs.values()
    (task,) = job.tasks.values()
    address = run.names.address("t000000").rpartition("-")[2]
    seen = [file.url for file in task.spec.inputs]
    contents = [app.world.blobs.read(app.world.blobs.at(url)) for url in seen]
    assert not any(address in url for url in seen)
    assert not any(address.encode() in content for content in contents)
    assert not any(address in value for value in task.spec.environment.values())
    assert task.spec.access_until > START


def test_no_answer_event_file_or_log_tells_the_seal(app_with, caplog):
    app, run = started(app_with)
    told = []
    for step in (app.run_tasks, app.pump, app.settle):
        step()
        shown = http.show_run(app.engine, run.id).body
        told += [shown, http.list_runs(app.engine, None, None).body, *app.world.events.published]
    for facts in app.world.blobs.list("output", ""):
        told.append(app.world.blobs.read(facts.ref).decode())
    assert len(run.seal) == 32
    assert run.seal not in json.dumps(told, default=str) + caplog.text
    internal = {"seal", "chosen", "sha256", "container"}
    assert not internal & (shown.keys() | shown["plan"].keys())
