"""Receipts that are invalid, or that arrive late, twice or not at all."""

import json
from dataclasses import replace

import pytest

from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Transient
from pipeline.handlers.doors import dispatch
from pipeline.handlers.ending import steer
from pipeline.ledger import tasks
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BLOB, LINES, PLAIN, content_of
from tests.unit.handlers.nodes import batch_says, losing, lying, node_lost, scripted, times_out

OTHER = "0123456789abcdef"


def _item(receipt: dict) -> dict:
    return receipt["items"][0]


LIES = {
    "not-json": b"Trust me, it is done.",
    "10-mb": b" " * 10_000_000,
    "a-list": b"[]",
    "no-items": lambda receipt: receipt.update(items=[]),
    "wrong-item": lambda receipt: _item(receipt).update(id=7),
    "items-twice": lambda receipt: receipt.update(items=receipt["items"] * 2),
    "wrong-attempt": lambda receipt: receipt.update(attempt=OTHER),
    "output-of-another": lambda receipt: _item(receipt)["outputs"][0].update(blob=f"o-{OTHER}-0"),
    "above-its-folder": lambda receipt: _item(receipt)["outputs"][0].update(name="../../x"),
    "below-the-root": lambda receipt: _item(receipt)["outputs"][0].update(name="/etc/passwd"),
    "backslash": lambda receipt: _item(receipt)["outputs"][0].update(name="..\\x"),
    "output-twice": lambda receipt: _item(receipt).update(outputs=_item(receipt)["outputs"] * 2),
    "no-end": lambda receipt: receipt.update(seconds=float("inf")),
    "no-cause": lambda receipt: _item(receipt).update(outcome="failed"),
    "negative-download": lambda receipt: receipt.update(download_seconds=-1),
    "endless-download": lambda receipt: receipt.update(download_seconds=1e9),
    "version-2": lambda receipt: receipt.update(version=2),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_invalid_receipt_is_not_counted_and_the_task_is_executed_anew(app_with, lie, caplog):
    app = app_with()
    ran = scripted(app, {"t000001": [lying(app, lie)]})
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    assert (app.only_run().state, ran["t000001"]) == ("succeeded", 2)
    assert content_of(app, app.only_run()) == b"0\n1\n"
    assert "Receipt not counted" in caplog.messages


@pytest.mark.parametrize("size", [0, 1, 10**12])
def test_a_receipt_with_a_wrong_size_is_an_output_that_never_arrives(app_with, size):
    app = app_with()
    lie = lying(app, lambda receipt: _item(receipt)["outputs"][0].update(size=size))
    ran = scripted(app, {"t000000": [lie]})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert (app.only_run().state, ran["t000000"]) == ("succeeded", 2)


def test_a_task_whose_receipts_are_always_invalid_fails_its_items_in_the_end(app_with):
    app = app_with()
    ran = scripted(app, {"t000000": [lying(app, b"no")] * 9})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, run.failed) == ("failed", "receipt-invalid", 1)
    assert ran["t000000"] == 2


def test_a_late_receipt_of_an_earlier_generation_is_not_counted(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    run = steer.cancel(app.engine, app.only_run().id)
    late = f"{run.id}/g1/t000000/r-{OTHER}.json"
    steer.redrive(app.engine, run.id)
    app.world.blobs.put("receipts", late, b"{}")
    app.settle()
    again = app.only_run()
    assert (again.state, again.generation, again.succeeded) == ("succeeded", 2, 1)
    assert app.world.blobs.head(BlobRef("receipts", late)) is not None
    assert list(tasks.results(app.world.tables, run.id, 1)) == []


def test_a_receipt_for_a_task_that_the_plan_does_not_have_is_ignored(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    run = app.only_run().id
    for name in (f"{run}/g1/t000099/r-{OTHER}.json", f"{run}/g1/t000000/hello.json", "x/y", "job-"):
        app.world.blobs.put("receipts", name, b"{}")
    app.settle()
    assert app.only_run().succeeded == 1


def test_the_second_receipt_of_a_task_changes_nothing(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    (job,) = app.world.batch.jobs
    spec = app.world.batch.start_task(job, "t000000")
    node = app.world.node(app.program)
    node(spec)
    app.program = lambda _item: [("part.txt", b"another answer\n")]
    app.world.node(app.program)(spec)  # Batch ran it twice: a lost node came back
    app.world.batch.finish_task(job, "t000000")
    app.settle()
    assert app.only_run().succeeded == 1
    assert content_of(app, app.only_run()) == b"0\n"


def test_one_bad_receipt_does_not_keep_other_runs_waiting(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.upload("lines/b.txt", b"one\n")
    app.pump()
    first = app.all_runs()[0]
    for name in app.world.blobs.names("engine", f"{first.id}/g1/plan/"):
        app.world.blobs.remove("engine", name)  # an operator tidied up
    app.run_tasks()
    app.pump()
    states = {run.id: run.state for run in app.all_runs()}
    assert states.pop(first.id) != "succeeded"
    assert list(states.values()) == ["succeeded"]


def test_a_malformed_event_goes_to_the_poison_queue(app_with):
    app = app_with()
    for body in ("", "{", "[]", '{"event": 3}'):
        dispatch.handle(app.engine, Queue.RECEIPTS, body)
    assert len(app.world.queues.bodies("receipts-poison")) == 4
    app.settle()
    assert app.world.queues.total() == 0


def test_uploads_that_lag_behind_the_receipt_are_waited_for(app_with):
    app = app_with()
    node = losing(app, "o-")
    ran = scripted(app, {"t000000": [node]})
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.run_tasks()
    app.pump()
    assert app.only_run().state == "assembling"
    (receipt,) = app.world.blobs.names("receipts")
    said = json.loads(app.world.blobs.read(BlobRef("receipts", receipt)))
    output = said["items"][0]["outputs"][0]["blob"]
    names = app.only_run().names
    app.world.blobs.write(names.output_of(names.address("t000000"), output), b"0\n")
    app.settle()
    assert (app.only_run().state, ran["t000000"]) == ("succeeded", 1)


CAUSES = {
    "DiskFull": ("node-lost", 4),
    "CommandProgramNotFound": ("program-missing", 1),
    "ContainerInvalidImage": ("image-missing", 1),
    "BlobAccessDenied": ("download-failed", 3),
    "FileUploadMiscError": ("upload-failed", 2),
    "TaskEnded": ("timed-out", 1),
    "FailureExitCode": ("program-failed", 1),
}


def told_by_batch(app, code):
    """End a task as Batch does for a cause; that of a time limit is told by the time alone."""
    said = "what Batch said"
    return times_out(app, said) if code == "TaskEnded" else batch_says(code, said)


def test_a_task_that_failed_just_now_in_an_old_run_has_its_own_cause(app_with):
    app = app_with(LINES + "limits: {task: 1h, run: 6h}\n")
    ran = scripted(app, {"t000000": [times_out(app)]})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert (app.only_run().cause, ran["t000000"]) == ("timed-out", 1)


@pytest.mark.parametrize(("code", "expected"), CAUSES.items(), ids=CAUSES)
def test_each_cause_is_retried_as_the_definition_says(app_with, code, expected):
    cause, executions = expected
    app = app_with()
    ran = scripted(app, {"t000000": [told_by_batch(app, code)] * 99})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, run.failed) == ("failed", cause, 1)
    assert ran["t000000"] == executions
    assert "what Batch said" in app.world.events.published[-1]["data"]["missing"][0]["tail"]


@pytest.mark.parametrize(("code", "expected"), CAUSES.items(), ids=CAUSES)
def test_each_cause_can_be_given_more_executions(app_with, code, expected):
    cause, _ = expected
    if cause == "image-missing":
        return  # an image that is missing is missing on every node
    app = app_with(LINES + f"retries: {{{cause}: 5}}\n")
    ran = scripted(app, {"t000000": [told_by_batch(app, code)] * 5})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert (app.only_run().state, ran["t000000"]) == ("succeeded", 6)


def test_each_cause_is_counted_by_itself(app_with):
    app = app_with()
    script = [batch_says("FileUploadMiscError"), batch_says("BlobAccessDenied")]
    ran = scripted(app, {"t000000": [*script, batch_says("BlobAccessDenied"), node_lost]})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert (app.only_run().state, ran["t000000"]) == ("succeeded", 5)


def test_a_node_that_is_lost_costs_nothing_but_time(app_with):
    app = app_with()
    ran = scripted(app, {"t000001": [node_lost, node_lost]})
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    assert (app.only_run().state, ran["t000001"]) == ("succeeded", 3)
    assert len(app.world.batch.jobs) == 1


def test_a_job_that_somebody_ended_runs_its_tasks_in_another(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    app.world.batch.terminate(app.only_run().job)
    app.settle()
    assert app.only_run().state == "succeeded"
    assert len(app.world.batch.jobs) == 2


def test_a_job_that_somebody_deleted_runs_its_tasks_in_another(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    del app.world.batch.jobs[app.only_run().job]
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_large_bundle_that_leaves_no_receipt_counts_every_item_as_failed(app_with):
    text = BLOB + PLAIN + "split: {range: {stop: 3000, step: 1}}\nbundle: {items: 3000}\n"
    app = app_with(text + "tolerance: {failed_items: 10}\n")
    scripted(app, {"t000000": [times_out(app)]})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, run.failed) == ("failed", "timed-out", 3000)


def test_a_hundred_long_tails_do_not_stop_a_verdict(app_with):
    app = app_with(BLOB + PLAIN + "split: {range: {stop: 120, step: 1}}\n")
    app.program = lambda _item: Failure(tail="é\x00\n" * 600)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, run.failed) == ("failed", "program-failed", 120)
    assert len(app.world.events.published[-1]["data"]["missing"]) == 100


def test_an_attempt_whose_outputs_never_came_does_not_count_when_its_event_comes_again(app_with):
    app = app_with()
    scripted(app, {"t000000": [losing(app, "o-")]})
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.run_tasks()
    (event,) = app.world.queues.bodies("receipts")
    while len(app.world.batch.jobs) == 1:
        app.pass_time()
        app.pump()
    app.world.queues.send("receipts", event)
    app.pump()
    (row,) = tasks.results(app.world.tables, app.only_run().id, 1)
    assert (row.state, row.execution) == ("retrying", 1)
    app.settle()
    assert app.only_run().state == "succeeded"


def refusing_reads_of(app, run: str) -> None:
    """Make Storage answer 503 for the receipts of one run."""
    real = app.world.ports.blobs

    class Refusing:
        def __getattr__(self, name):
            return getattr(real, name)

        def read(self, ref, offset=0, length=None):
            if ref.container == "receipts" and ref.name.startswith(run):
                raise Transient("503: the service is busy")
            return real.read(ref, offset, length)

    app.through(replace(app.world.ports, blobs=Refusing()))


@pytest.mark.parametrize("which", [0, 1], ids=["own", "drained"])
def test_receipts_of_a_run_that_fail_for_now_keep_no_other_run_waiting(app_with, which):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.upload("lines/b.txt", b"one\ntwo\n")
    app.pump()
    app.run_tasks()
    doorbell = json.loads(app.world.queues.bodies("receipts")[0])["subject"]
    runs = sorted((run.id for run in app.all_runs()), key=lambda run: run not in doorbell)
    refusing_reads_of(app, runs[which])
    app._drain("receipts")
    app.pump()
    states = {run.id: run.state for run in app.all_runs()}
    assert states == {runs[which]: "running", runs[1 - which]: "succeeded"}
    app.through(app.world.ports)
    app.world.clock.advance(seconds=1)
    app.pump()
    assert {run.state for run in app.all_runs()} == {"succeeded"}
    assert app.world.queues.bodies("receipts") == []


def test_receipts_that_always_fail_reach_the_retry_limit_and_the_sweep_finds_them(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    app.run_tasks()
    refusing_reads_of(app, "job-")
    for _ in range(90):
        app.world.clock.advance(minutes=1)
        app.pump()
    assert app.world.queues.bodies("receipts") == []
    app.through(app.world.ports)
    app.settle()
    assert app.only_run().state == "succeeded"
