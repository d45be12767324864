"""The way from a written blob to a queue message or a web hook, through failures."""

import json
import uuid

import pytest

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
from tests.patience import until

CLOUD_EVENT = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0", "data": {"n": 1}}


def messages(queue):
    return [json.loads(m.content) for m in queue.receive_messages(messages_per_page=32)]


def publish(emulator, *events):
    assert call(emulator, "POST", "/topics/runs/api/events", list(events))[0] == 200


def wait_for_state(emulator, key, wanted):
    until(
        lambda: states(emulator, key) == wanted,
        what=str(wanted),
        tell=lambda: str(states(emulator, key)),
    )


def test_a_written_blob_becomes_one_queue_message(shared, subscribe, place):
    container, queue = place
    subscribe("blobs", to_queue(queue.queue_name), filter=under(container.container_name))
    answer = container.get_blob_client("in/ü 名.mp4").upload_blob(b"hello")
    sync(shared)
    (message,) = messages(queue)
    assert message["topic"] == SOURCE
    assert message["eventType"] == "Microsoft.Storage.BlobCreated"
    assert message["subject"].endswith(f"/{container.container_name}/blobs/in/ü 名.mp4")
    assert message["data"]["eTag"] == answer["etag"].strip('"')
    assert (message["dataVersion"], message["metadataVersion"]) == ("", "1")


def test_a_blob_event_can_be_asked_for_as_a_cloud_event(shared, subscribe, place):
    container, queue = place
    wanted = {"filter": under(container.container_name)}
    target = to_queue(queue.queue_name)
    subscribe("blobs", target, **wanted, eventDeliverySchema="CloudEventSchemaV1_0")
    container.upload_blob("a", b"x")
    sync(shared)
    (message,) = messages(queue)
    assert (message["source"], message["specversion"]) == (SOURCE, "1.0")
    assert message["type"] == "Microsoft.Storage.BlobCreated"
    assert message["data"]["contentLength"] == 1


def test_filtered_out_events_are_not_delivered(shared, subscribe, place):
    container, queue = place
    values = ["PutBlob", "PutBlockList"]
    wanted = {
        **under(container.container_name),
        "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
        "subjectEndsWith": ".mp4",
        "advancedFilters": [{"operatorType": "StringIn", "key": "data.api", "values": values}],
    }
    subscribe("blobs", to_queue(queue.queue_name), filter=wanted)
    source = container.upload_blob("a.mp4", b"x")
    container.upload_blob("a.txt", b"x")
    container.get_blob_client("b.mp4").start_copy_from_url(source.url)
    container.delete_blob("a.mp4")
    sync(shared)
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


def test_a_failing_web_hook_is_tried_again_with_a_rising_count(shared, subscribe, hook):
    answers = iter([500, 503, 302, 200])
    hook.answer = lambda _request: next(answers)
    key = subscribe("runs", to_hook(hook.url))
    publish(shared, CLOUD_EVENT)
    counts = [hook.next().headers["aeg-delivery-count"] for _ in range(4)]
    sync(shared)
    assert states(shared, key) == {"delivered": 1}
    assert counts == ["0", "1", "2", "3"]


def test_a_queue_that_appears_late_gets_its_events(shared, subscribe, queues):
    name = f"late{uuid.uuid4().hex[:8]}"
    key = subscribe("runs", to_queue(name))
    publish(shared, CLOUD_EVENT)
    sync(shared)
    with queues.get_queue_client(name) as queue:
        queue.create_queue()
        wait_for_state(shared, key, {"delivered": 1})
        assert queue.get_queue_properties().approximate_message_count == 1


def test_while_the_stack_starts_a_missing_queue_costs_no_attempt(grid, queues):
    name = f"later{uuid.uuid4().hex[:8]}"
    wanted = subscription("runs", "q", to_queue(name), retryPolicy={"maxDeliveryAttempts": 1})
    with (
        grid(wanted, flags=["--startup-grace-s", "60"]) as emulator,
        queues.get_queue_client(name) as queue,
    ):
        publish(emulator, CLOUD_EVENT)
        queue.create_queue()
        wait_for_state(emulator, "runs/q", {"delivered": 1})


def test_an_undeliverable_event_without_dead_letter_is_dropped(shared, subscribe, hook):
    hook.answer = lambda _request: 400
    key = subscribe("runs", to_hook(hook.url))
    publish(shared, CLOUD_EVENT)
    hook.next()
    sync(shared)
    assert states(shared, key) == {"dropped": 1}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, ("UndeliverableDueToHttpBadRequest", "BadRequest", 1)),
        (500, ("MaxDeliveryAttemptsExceeded", "GenericError", 2)),
    ],
)
def test_an_undeliverable_event_is_dead_lettered_as_documented(
    shared, subscribe, hook, place, status, said
):
    container, _ = place
    hook.answer = lambda _request: status
    where = {"blobContainerName": container.container_name}
    dead = {"endpointType": "StorageBlob", "properties": where}
    retry = {"maxDeliveryAttempts": 2}
    key = subscribe("runs", to_hook(hook.url), retryPolicy=retry, deadLetterDestination=dead)
    publish(shared, CLOUD_EVENT)
    wait_for_state(shared, key, {"dead-lettered": 1})
    (blob,) = list(container.list_blobs())
    name, year, month, day, hour, file = blob.name.split("/")
    assert (name, file.endswith(".json")) == (key.split("/")[1].upper(), True)
    assert not any(part.startswith("0") and part != "0" for part in (year, month, day, hour))
    (letter,) = json.loads(container.download_blob(blob.name).readall())
    assert (letter["id"], letter["data"]) == ("1", {"n": 1})
    told = ("deadletterreason", "lastdeliveryoutcome", "deliveryattempts")
    assert tuple(letter[name] for name in told) == said
    assert {"publishtime", "lastdeliveryattempttime"} <= letter.keys()


def test_batching_puts_several_events_into_one_request(shared, subscribe, hook):
    subscribe("runs", to_hook(hook.url, maxEventsPerBatch=10))
    publish(shared, *({**CLOUD_EVENT, "id": str(n)} for n in range(10)))
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
