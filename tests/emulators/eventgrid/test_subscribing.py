"""Adding subscriptions at run time: handshakes, persistence and refusals."""

import urllib.request
import uuid

import pytest

from tests.emulators.eventgrid.conftest import (
    call,
    states,
    sync,
    to_hook,
    to_queue,
)
from tests.patience import stretched

CLOUD_EVENT = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0"}
PLAIN_EVENT = {"id": "1", "subject": "s", "eventType": "t", "eventTime": "2026-01-01T00:00:00Z"}


def put(emulator, topic, destination, **properties):
    """Put a subscription that the endpoint may refuse; return its path and the answer."""
    path = f"/subscriptions/{topic}/{uuid.uuid4().hex}"
    body = {"properties": {"destination": destination, **properties}}
    return path, *call(emulator, "PUT", path, body)


@pytest.mark.parametrize(("topic", "event"), [("runs", CLOUD_EVENT), ("plain", PLAIN_EVENT)])
def test_a_web_hook_that_shakes_hands_gets_events(shared, subscribe, hook, topic, event):
    key = subscribe(topic, to_hook(hook.url))
    _, answer = call(shared, "GET", f"/subscriptions/{key}")
    assert answer["properties"]["provisioningState"] == "Succeeded"
    call(shared, "POST", f"/topics/{topic}/api/events", [event])
    sync(shared)
    assert states(shared, key) == {"delivered": 1}


def test_a_web_hook_that_does_not_allow_us_is_refused(shared, hook):
    hook.echo = False
    path, status, answer = put(shared, "runs", to_hook(hook.url))
    assert (status, "handshake failed" in answer["error"]["message"]) == (400, True)
    assert call(shared, "GET", path)[0] == 404


def test_a_web_hook_that_is_not_there_is_refused(shared):
    _, status, answer = put(shared, "plain", to_hook("http://127.0.0.1:9/none"))
    assert (status, "cannot be reached" in answer["error"]["message"]) == (400, True)


def test_opening_the_validation_url_by_hand_ends_the_handshake_too(shared, hook):
    hook.echo = False
    path, _, answer = put(shared, "plain", to_hook(hook.url))
    assert answer["properties"]["provisioningState"] == "AwaitingManualAction"
    assert call(shared, "GET", path)[0] == 404
    challenge = hook.shaken.get(timeout=stretched(60)).body[0]["data"]
    with urllib.request.urlopen(challenge["validationUrl"]) as opened:
        assert opened.status == 200
    assert call(shared, "GET", path)[0] == 200
    assert call(shared, "DELETE", path)[0] == 200


def test_a_subscription_added_at_run_time_survives_a_restart_until_deleted(grid):
    with grid() as emulator:
        path, status, _ = put(emulator, "runs", to_queue("some-queue"))
        assert status == 201
    with grid() as emulator:
        assert len(call(emulator, "GET", "/subscriptions")[1]["value"]) == 1
        assert call(emulator, "DELETE", path)[0] == 200
        assert call(emulator, "DELETE", path)[0] == 204
    with grid() as emulator:
        assert call(emulator, "GET", "/subscriptions")[1]["value"] == []


def test_events_from_before_a_subscription_are_not_delivered_to_it(shared, subscribe, hook):
    call(shared, "POST", "/topics/runs/api/events", [CLOUD_EVENT])
    key = subscribe("runs", to_hook(hook.url))
    sync(shared)
    assert states(shared, key) == {}


@pytest.mark.parametrize(
    ("topic", "properties"),
    [
        ("nope", {"destination": to_queue("q")}),
        ("runs", {}),
        ("runs", {"destination": {"endpointType": "EventHub", "properties": {}}}),
        ("runs", {"destination": to_hook("file:///etc/passwd")}),
        ("runs", {"destination": to_queue("q"), "eventDeliverySchema": "EventGridSchema"}),
        ("runs", {"destination": to_queue("q"), "retryPolicy": {"maxDeliveryAttempts": 31}}),
        ("runs", {"destination": to_queue("q"), "filter": {"advancedFilters": [{}]}}),
        ("runs", {"destination": to_queue("q"), "filter": {"advancedFilters": [1]}}),
        ("runs", {"destination": to_queue("q"), "filter": {"includedEventTypes": 5}}),
    ],
)
def test_what_arm_would_refuse_is_refused(quiet, topic, properties):
    body = {"properties": properties}
    assert call(quiet, "PUT", f"/subscriptions/{topic}/mine", body)[0] == 400


def test_an_azure_function_needs_no_handshake(shared, subscribe, hook):
    target = {"endpointType": "AzureFunction", "properties": {"endpointUrl": hook.url}}
    subscribe("plain", target)
    call(shared, "POST", "/topics/plain/api/events", [PLAIN_EVENT])
    assert hook.next().headers["aeg-event-type"] == "Notification"
    assert hook.shaken.empty()
