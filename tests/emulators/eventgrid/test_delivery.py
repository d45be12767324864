"""From a written blob to a queue message or a web hook, through failures."""

import json
import uuid

import pytest
from azure.storage.queue import TextBase64DecodePolicy

from tests.emulators.eventgrid.conftest import (
    SOURCE,
    call,
    states,
    subscription,
    sync,
    to_hook,
    to_queue,
    under,
)

FAST = ["--time-scale", "1000"]
CLOUD_EVENT = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0", "data": {"n": 1}}


@pytest.fixture
def place(blobs, queues):
    """A fresh container and a fresh queue of the same name."""
    name = f"p{uuid.uuid4().hex[:12]}"
    with (
        blobs.create_container(name) as container,
        queues.get_queue_client(name, message_decode_policy=TextBase64DecodePolicy()) as queue,
    ):
        queue.create_queue()
        yield container, queue


def messages(queue):
    return [json.loads(m.content) for m in queue.receive_messages(messages_per_page=32)]


def publish(emulator, *events):
    assert call(emulator, "POST", "/topics/runs/api/events", list(events))[0] == 200


def test_a_written_blob_becomes_one_queue_message(grid, place):
    container, queue = place
    wanted = subscription(
        "blobs", "q", to_queue(queue.queue_name), filter=under(container.container_name)
    )
    with grid(wanted) as emulator:
        answer = container.get_blob_client("in/ü 名.mp4").upload_blob(b"hello")
        sync(emulator)
        (message,) = messages(queue)
    assert message["topic"] == SOURCE
    assert message["eventType"] == "Microsoft.Storage.BlobCreated"
    assert message["subject"].endswith(f"/{container.container_name}/blobs/in/ü 名.mp4")
    assert message["data"]["eTag"] == answer["etag"].strip('"')
    assert (message["dataVersion"], message["metadataVersion"]) == ("", "1")


def test_a_blob_event_can_be_asked_for_as_a_cloud_event(grid, place):
    container, queue = place
    wanted = subscription(
        "blobs",
        "q",
        to_queue(queue.queue_name),
        filter=under(container.container_name),
        eventDeliverySchema="CloudEventSchemaV1_0",
    )
    with grid(wanted) as emulator:
        container.upload_blob("a", b"x")
        sync(emulator)
        (message,) = messages(queue)
    assert (message["source"], message["specversion"]) == (SOURCE, "1.0")
    assert message["type"] == "Microsoft.Storage.BlobCreated"
    assert message["data"]["contentLength"] == 1


def test_filtered_out_events_are_not_delivered(grid, place):
    container, queue = place
    item = {
        "operatorType": "StringIn",
        "key": "data.api",
        "values": ["PutBlob", "PutBlockList"],
    }
    wanted = subscription(
        "blobs",
        "q",
        to_queue(queue.queue_name),
        filter={
            **under(container.container_name),
            "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
            "subjectEndsWith": ".mp4",
            "advancedFilters": [item],
        },
    )
    with grid(wanted) as emulator:
        source = container.upload_blob("a.mp4", b"x")
        container.upload_blob("a.txt", b"x")
        container.get_blob_client("b.mp4").start_copy_from_url(source.url)
        container.delete_blob("a.mp4")
        sync(emulator)
        assert [m["data"]["api"] for m in messages(queue)] == ["PutBlob"]


def test_events_written_while_event_grid_is_down_are_delivered_later(grid, place):
    container, queue = place
    wanted = subscription(
        "blobs", "q", to_queue(queue.queue_name), filter=under(container.container_name)
    )
    with grid(wanted) as emulator:
        container.upload_blob("before", b"x")
        sync(emulator)
    container.upload_blob("meanwhile", b"x")
    with grid(wanted) as emulator:
        sync(emulator)
        names = sorted(m["subject"].rsplit("/", 1)[1] for m in messages(queue))
    assert names == ["before", "meanwhile"]


def test_a_failing_web_hook_is_tried_again_with_a_rising_count(grid, hook):
    answers = iter([500, 503, 200])
    hook.answer = lambda _request: next(answers)
    with grid(subscription("runs", "h", to_hook(hook.url)), flags=FAST) as emulator:
        publish(emulator, CLOUD_EVENT)
        counts = [hook.next().headers["aeg-delivery-count"] for _ in range(3)]
        sync(emulator)
        assert states(emulator, "runs/h") == {"delivered": 1}
    assert counts == ["0", "1", "2"]


def test_a_queue_that_appears_late_gets_its_events(grid, queues):
    name = f"late{uuid.uuid4().hex[:8]}"
    with grid(subscription("runs", "q", to_queue(name)), flags=FAST) as emulator:
        publish(emulator, CLOUD_EVENT)
        with queues.get_queue_client(name) as queue:
            queue.create_queue()
            for _ in range(100):
                sync(emulator)
                if states(emulator, "runs/q") == {"delivered": 1}:
                    break
            assert queue.get_queue_properties().approximate_message_count == 1


def test_an_undeliverable_event_without_dead_letter_is_dropped(grid, hook):
    hook.answer = lambda _request: 400
    with grid(subscription("runs", "h", to_hook(hook.url)), flags=FAST) as emulator:
        publish(emulator, CLOUD_EVENT)
        hook.next()
        sync(emulator)
        assert states(emulator, "runs/h") == {"dropped": 1}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, ("UndeliverableDueToHttpBadRequest", "BadRequest", 1)),
        (500, ("MaxDeliveryAttemptsExceeded", "GenericError", 2)),
    ],
)
def test_an_undeliverable_event_is_dead_lettered_as_documented(grid, hook, place, status, said):
    container, _ = place
    hook.answer = lambda _request: status
    dead = {
        "endpointType": "StorageBlob",
        "properties": {"blobContainerName": container.container_name},
    }
    wanted = subscription(
        "runs",
        "Hook",
        to_hook(hook.url),
        retryPolicy={"maxDeliveryAttempts": 2},
        deadLetterDestination=dead,
    )
    with grid(wanted, flags=["--time-scale", "5000"]) as emulator:
        publish(emulator, CLOUD_EVENT)
        for _ in range(200):
            sync(emulator)
            if states(emulator, "runs/Hook") == {"dead-lettered": 1}:
                break
    (blob,) = list(container.list_blobs())
    name, year, month, day, hour, file = blob.name.split("/")
    assert (name, file.endswith(".json")) == ("HOOK", True)
    assert not any(part.startswith("0") and part != "0" for part in (year, month, day, hour))
    (letter,) = json.loads(container.download_blob(blob.name).readall())
    assert (letter["id"], letter["data"]) == ("1", {"n": 1})
    told = ("deadletterreason", "lastdeliveryoutcome", "deliveryattempts")
    assert tuple(letter[name] for name in told) == said
    assert {"publishtime", "lastdeliveryattempttime"} <= letter.keys()


def test_batching_puts_several_events_into_one_request(grid, hook):
    target = to_hook(hook.url, maxEventsPerBatch=10)
    with grid(subscription("runs", "h", target)) as emulator:
        publish(emulator, *({**CLOUD_EVENT, "id": str(n)} for n in range(10)))
        got = hook.next()
    assert got.headers["content-type"].startswith("application/cloudevents-batch+json")
    assert sorted(item["id"] for item in got.body) == sorted(str(n) for n in range(10))


def test_faults_double_lose_and_delay_on_request(grid, place):
    container, queue = place
    name = container.container_name
    wanted = subscription("blobs", "q", to_queue(queue.queue_name), filter=under(name))
    with grid(wanted) as emulator:
        doubled = {"duplicate": 1, "delay": 1, "max_delay_s": 0.05}
        assert call(emulator, "POST", "/_admin/faults", doubled)[0] == 200
        container.upload_blob("twice", b"x")
        sync(emulator)
        first, second = messages(queue)
        assert first["id"] == second["id"]
        call(emulator, "POST", "/_admin/faults", {"duplicate": 0, "lose": 1})
        container.upload_blob("never", b"x")
        sync(emulator)
        assert states(emulator, "blobs/q") == {"delivered": 1, "lost": 1}
        assert call(emulator, "POST", "/_admin/faults", {"explode": 1})[0] == 400
