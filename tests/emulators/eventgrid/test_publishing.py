"""Publishing to custom topics with the real client, and refusals."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.credentials import AzureKeyCredential, AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, EventGridPublisherClient, generate_sas

from tests.emulators.eventgrid.conftest import call, sync, to_hook
from tests.emulators.storage.processes import KEY

GOOD = {
    "id": "1",
    "subject": "s",
    "eventType": "t",
    "eventTime": "2026-01-01T00:00:00Z",
    "data": {},
    "dataVersion": "1",
}
CLOUD = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0"}


def publisher(emulator, topic, credential=None):
    endpoint = f"{emulator.ready['endpoint']}/topics/{topic}/api/events"
    return EventGridPublisherClient(endpoint, credential or AzureKeyCredential(KEY))


def event(number=1):
    return CloudEvent(source="/fanfare", type="run.done", subject="run", data={"n": number})


def test_cloud_events_reach_a_cloud_subscriber_unchanged(shared, subscribe, hook):
    key = subscribe("runs", to_hook(hook.url))
    with publisher(shared, "runs") as client:
        sent = CloudEvent(source="/f", type="t", data={"n": 1}, extensions={"traceparent": "x"})
        client.send(sent)
        got = hook.next()
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    assert got.headers["aeg-event-type"] == "Notification"
    assert got.headers["aeg-subscription-name"] == key.split("/")[1].upper()
    assert got.headers["aeg-delivery-count"] == "0"
    assert (got.body["id"], got.body["source"], got.body["data"]) == (sent.id, "/f", {"n": 1})
    assert got.body["traceparent"] == "x"


@pytest.mark.parametrize("schema", ["EventGridSchema", "CloudEventSchemaV1_0"])
def test_event_grid_events_are_delivered_in_the_schema_asked_for(shared, subscribe, hook, schema):
    subscribe("plain", to_hook(hook.url), eventDeliverySchema=schema)
    with publisher(shared, "plain") as client:
        client.send(EventGridEvent("s", "t", {"n": 1}, "2"))
    notification = hook.next()
    if schema == "EventGridSchema":
        (body,) = notification.body
        assert (body["eventType"], body["dataVersion"]) == ("t", "2")
        assert body["topic"].endswith("/topics/plain")
    else:
        body = notification.body
        assert (body["type"], body["specversion"]) == ("t", "1.0")
        assert body["source"].endswith("/topics/plain")
        assert not {"eventType", "topic", "dataVersion", "metadataVersion"} & body.keys()


def test_a_batch_of_cloud_events_is_counted_and_stored_before_the_answer(grid):
    with grid() as emulator, publisher(emulator, "runs") as client:
        client.send([event(n) for n in range(200)])
        assert call(emulator, "GET", "/_admin/state")[1]["events"]["runs"] == 200


def test_the_same_event_published_twice_is_two_events(shared, subscribe, hook):
    subscribe("runs", to_hook(hook.url))
    with publisher(shared, "runs") as client:
        once = event()
        client.send(once)
        client.send(once)
        assert {hook.next().body["id"], hook.next().body["id"]} == {once.id}


def test_a_key_and_a_signed_token_open_a_topic_and_nothing_else_does(grid):
    with grid() as emulator:
        endpoint = f"{emulator.ready['endpoint']}/topics/runs/api/events"
        later, earlier = (datetime.now(UTC) + timedelta(minutes=m) for m in (5, -5))
        other = base64.b64encode(b"another key").decode()
        good = [AzureKeyCredential(KEY), AzureSasCredential(generate_sas(endpoint, KEY, later))]
        bad = [
            AzureKeyCredential(other),
            AzureSasCredential(generate_sas(endpoint, KEY, earlier)),
            AzureSasCredential(generate_sas(endpoint, other, later)),
        ]
        for credential in good:
            with publisher(emulator, "runs", credential) as client:
                client.send(event())
        for credential in bad:
            with (
                publisher(emulator, "runs", credential) as client,
                pytest.raises(ClientAuthenticationError),
            ):
                client.send(event())


def test_a_request_above_one_megabyte_is_413(quiet):
    with (
        publisher(quiet, "runs") as client,
        pytest.raises(HttpResponseError) as caught,
    ):
        client.send([event("x" * 600_000), event("y" * 600_000)])
    assert caught.value.status_code == 413


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("plain", GOOD),
        ("plain", ["CloudEvent(...)"]),
        ("plain", [{**GOOD, "eventType": ""}]),
        ("plain", [{**GOOD, "eventTime": "yesterday"}]),
        ("plain", [{**GOOD, "topic": "/another"}]),
        ("plain", [{**GOOD, "metadataVersion": "2"}]),
        ("plain", [CLOUD]),
        ("runs", [GOOD]),
        ("runs", [{**CLOUD, "specversion": "0.3"}]),
        ("runs", [{**CLOUD, "Upper": "x"}]),
        ("runs", [{**CLOUD, "data": 1, "data_base64": "MQ=="}]),
        ("runs", CLOUD),
    ],
)
def test_a_malformed_request_is_400_and_stores_nothing(quiet, topic, body):
    status, answer = call(quiet, "POST", f"/topics/{topic}/api/events", body)
    assert status == 400, answer
    assert topic not in call(quiet, "GET", "/_admin/state")[1]["events"]


def test_unknown_topics_are_404_and_unknown_paths_501(quiet):
    assert call(quiet, "POST", "/topics/nope/api/events", [GOOD])[0] == 404
    assert call(quiet, "POST", "/topics/blobs/api/events", [GOOD])[0] == 404
    assert call(quiet, "POST", "/api/events", [GOOD])[0] == 404
    status, answer = call(quiet, "POST", "/topics/runs:publish", {})
    assert status == 501
    assert "/topics/runs:publish" in answer["error"]["message"]


def test_5001_events_are_413(quiet):
    assert call(quiet, "POST", "/topics/runs/api/events", [CLOUD] * 5001)[0] == 413


def test_sync_returns_at_once_when_nothing_waits(quiet):
    sync(quiet, timeout=20)
