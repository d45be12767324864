"""What only the fakes can do: a test moves time, lets nodes fail, and crashes the app."""

import json
from datetime import timedelta

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Transient
from pipeline.ports.batch import InputFile, Upload
from tests.contract.batch.worlds import job_spec, task_spec
from tests.fakes.batch import NodeLost, Outcome
from tests.fakes.crash import Crash, Injector
from tests.fakes.node import Failure
from tests.fakes.world import fake_ports

PAGE = {
    "tries": {"program-failed": 2},
    "tasks": [{"number": 0, "items": [{"id": n, "inputs": ["in/0"]} for n in (0, 1)]}],
}


@pytest.fixture
def world():
    return fake_ports()


@pytest.fixture
def task(world):
    """Return the spec of a task with two items, in a job that waits for a node."""
    page, given = BlobRef("work", "page ü.json"), BlobRef("input", "a")
    world.blobs.write(page, json.dumps(PAGE).encode())
    world.blobs.write(given, b"hello")
    inputs = [
        InputFile(world.blobs.url(ref), p) for ref, p in ((page, "page.json"), (given, "in/0"))
    ]
    uploads = [
        Upload("o-*", "work", "out"),
        Upload("l-*.txt", "work", "log"),
        Upload("s-*.txt", "work", "log"),
        Upload("r-*.json", "receipts", "run/g1/t000000"),
    ]
    spec = task_spec("t0", inputs=inputs, uploads=uploads, environment={"FANFARE_TASK": "0"})
    world.batch.create(job_spec("j"))
    world.batch.add("j", [spec])
    return spec


def echo(item):
    return [("part", item.content())]


def receipt(world):
    [name] = world.blobs.names("receipts")
    return json.loads(world.blobs.read(BlobRef("receipts", name)))


def test_a_message_shows_again_after_five_minutes(world):
    world.queues.send("work", "a", timedelta(minutes=1))
    assert world.queues.receive("work", 1) == []
    world.clock.advance(minutes=1)
    assert len(world.queues.receive("work", 1)) == 1
    world.clock.advance(minutes=4, seconds=59)
    assert world.queues.receive("work", 1) == []
    world.clock.advance(seconds=1)
    assert world.queues.receive("work", 1)[0].dequeue_count == 2


def test_blob_events_reach_the_queues(world):
    world.connect_events()
    world.blobs.put("input", "a b", b"x")
    world.blobs.put("receipts", "r", b"x")
    world.blobs.put("work", "w", b"x")
    [event] = map(json.loads, world.queues.bodies("blob-events"))
    assert event["subject"] == "/blobServices/default/containers/input/blobs/a b"
    assert len(world.queues.bodies("receipts")) == 1
    assert world.queues.total() == 2


def test_a_node_writes_outputs_log_and_receipt(world, task):
    assert world.run_tasks(echo) == 1
    assert world.blobs.names("work", "out") == [f"out/o-{1:016x}-{n}" for n in (0, 1)]
    assert len(world.blobs.names("work", "log")) == 1
    first, second = receipt(world)["items"]
    assert first["outputs"][0] | {"sha256": ""} == {
        "name": "part",
        "blob": f"o-{1:016x}-0",
        "size": 5,
        "sha256": "",
    }
    assert (second["id"], second["outcome"], second["tries"]) == (1, "succeeded", 1)


def test_a_failing_item_is_tried_as_often_as_its_page_says(world, task):
    world.run_tasks(lambda item: Failure() if item.id else echo(item))
    first, second = receipt(world)["items"]
    assert (first["outcome"], second["outcome"]) == ("succeeded", "failed")
    assert (second["cause"], second["tries"], second["outputs"]) == ("program-failed", 2, [])
    assert world.batch.job("j").succeeded == 1


def test_an_upload_that_fails_fails_the_task_in_batch(world, task):
    node = world.node(echo)
    node.loses = lambda name: name.startswith("r-")
    world.batch.run_task("j", "t0", node)
    assert world.blobs.names("receipts") == []
    [end] = world.batch.failures("j", world.clock.now() + timedelta(seconds=1))
    assert (end.task, end.code) == ("t0", "FileUploadMiscError")


def test_an_input_that_is_gone_fails_the_task_before_it_starts(world, task):
    world.blobs.remove("input", "a")
    world.run_tasks(echo)
    [end] = world.batch.failures("j", world.clock.now() + timedelta(seconds=1))
    assert (end.code, end.exit_code) == ("BlobNotFound", None)


def test_a_lost_node_leaves_the_task_active(world, task):
    def lost(item):
        raise NodeLost

    world.run_tasks(lost)
    assert world.batch.active("j") == ["t0"]
    assert world.run_tasks(echo) == 1


def test_batch_tries_a_failing_command_again(world):
    world.batch.create(job_spec("j"))
    world.batch.add("j", [task_spec("t", retries=2)])
    runs = []
    world.batch.run_task("j", "t", lambda spec: runs.append(spec) or Outcome(1))
    assert len(runs) == 3
    assert world.batch.job("j").failed == 1


def test_a_job_ends_at_its_limit(world):
    world.batch.create(job_spec("j", limit=timedelta(hours=1)))
    world.batch.add("j", [task_spec("t0"), task_spec("t1")])
    world.batch.start_task("j", "t0")
    world.clock.advance(hours=1)
    report = world.batch.job("j")
    assert (report.state, report.active, report.failed) == ("completed", 1, 1)


def test_a_pool_takes_a_formula_every_thirty_seconds(world):
    world.batch.add_pool("p")
    world.batch.push_formula("p", "a")
    world.clock.advance(seconds=29)
    with pytest.raises(Transient):
        world.batch.push_formula("p", "b")
    world.clock.advance(seconds=1)
    world.batch.push_formula("p", "b")


@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1), ("twice", 2)])
def test_a_crash_hits_the_named_call(world, when, stored):
    injector = Injector(("queues", "send", 2), when)
    ports = injector.ports(world.ports)
    ports.queues.send("work", "first")
    if when == "twice":
        ports.queues.send("work", "second")
    else:
        with pytest.raises(Crash):
            ports.queues.send("work", "second")
    assert world.queues.bodies("work").count("second") == stored
    assert [(c.port, c.verb, c.number, c.nth) for c in injector.trace] == [
        ("queues", "send", 1, 1),
        ("queues", "send", 2, 2),
    ]


def test_a_stream_survives_being_sent_twice(world):
    ports = Injector(1, "twice").ports(world.ports)
    ports.writer.upload(BlobRef("work", "a"), iter([b"1", b"2"]))
    assert world.blobs.read(BlobRef("work", "a")) == b"12"
