"""Adding subscriptions at run time: handshakes, persistence and what is refused."""

import urllib.request

import pytest

from tests.emulators.eventgrid.conftest import (
    call,
    states,
    subscription,
    sync,
    to_hook,
    to_queue,
)

CLOUD_EVENT = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0"}
PLAIN_EVENT = {"id": "1", "subject": "s", "eventType": "t", "eventTime": "2026-01-01T00:00:00Z"}


def put(emulator, topic, destination, **properties):
    body = {"properties": {"destination": destination, **properties}}
    return call(emulator, "PUT", f"/subscriptions/{topic}/mine", body)


@pytest.mark.parametrize(("topic", "event"), [("runs", CLOUD_EVENT), ("plain", PLAIN_EVENT)])
def test_a_web_hook_that_shakes_hands_gets_events(grid, hook, topic, event):
    with grid() as emulator:
        status, answer = put(emulator, topic, to_hook(hook.url))
        assert (status, answer["properties"]["provisioningState"]) == (201, "Succeeded")
        call(emulator, "POST", f"/topics/{topic}/api/events", [event])
        sync(emulator)
        assert states(emulator, f"{topic}/mine") == {"delivered": 1}


def test_a_web_hook_that_does_not_allow_us_is_refused(grid, hook):
    hook.echo = False
    with grid() as emulator:
        status, answer = put(emulator, "runs", to_hook(hook.url))
        assert (status, "handshake failed" in answer["error"]["message"]) == (400, True)
        assert call(emulator, "GET", "/subscriptions/runs/mine")[0] == 404


def test_a_web_hook_that_is_not_there_is_refused(grid):
    with grid() as emulator:
        status, answer = put(emulator, "plain", to_hook("http://127.0.0.1:9/none"))
        assert status == 400, answer


def test_opening_the_validation_url_by_hand_ends_the_handshake_too(grid, hook):
    hook.echo = False
    with grid() as emulator:
        _, answer = put(emulator, "plain", to_hook(hook.url))
        assert answer["properties"]["provisioningState"] == "AwaitingManualAction"
        assert call(emulator, "GET", "/subscriptions/plain/mine")[0] == 404
        challenge = hook.next().body[0]["data"]
        with urllib.request.urlopen(challenge["validationUrl"]) as opened:
            assert opened.status == 200
        assert call(emulator, "GET", "/subscriptions/plain/mine")[0] == 200


def test_a_subscription_added_at_run_time_survives_a_restart_until_deleted(grid):
    with grid() as emulator:
        assert put(emulator, "runs", to_queue("some-queue"))[0] == 201
    with grid() as emulator:
        names = [item["name"] for item in call(emulator, "GET", "/subscriptions")[1]["value"]]
        assert names == ["mine"]
        assert call(emulator, "DELETE", "/subscriptions/runs/mine")[0] == 200
        assert call(emulator, "DELETE", "/subscriptions/runs/mine")[0] == 204
    with grid() as emulator:
        assert call(emulator, "GET", "/subscriptions")[1]["value"] == []


def test_events_from_before_a_subscription_are_not_delivered_to_it(grid, hook):
    with grid() as emulator:
        call(emulator, "POST", "/topics/runs/api/events", [CLOUD_EVENT])
        put(emulator, "runs", to_hook(hook.url))
        sync(emulator)
        assert states(emulator, "runs/mine") == {}


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


def test_an_azure_function_needs_no_handshake(grid, hook):
    target = {"endpointType": "AzureFunction", "properties": {"endpointUrl": hook.url}}
    with grid(subscription("plain", "f", target)) as emulator:
        call(emulator, "POST", "/topics/plain/api/events", [PLAIN_EVENT])
        assert hook.next().headers["aeg-event-type"] == "Notification"
