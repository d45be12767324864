"""A web page, or another user of this machine, changes and reads nothing of Event Grid."""

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

from tests.emulators.attacks import FOREIGN, PREFLIGHT, ask
from tests.emulators.eventgrid.conftest import call, launch_grid, subscription, to_queue
from tests.emulators.storage.processes import KEY

JSON = {"Content-Type": "application/json"}
EVENT = {
    "id": "1",
    "subject": "s",
    "eventType": "T",
    "eventTime": "2026-01-01T00:00:00Z",
    "data": 1,
}
SUBSCRIPTION = {"properties": {"destination": to_queue("stolen")}}
CHANGES = {
    "publish": ("POST", "/topics/plain/api/events", [EVENT]),
    "faults": ("POST", "/_admin/faults", {"lose": 1}),
    "subscribe": ("PUT", "/subscriptions/runs/stolen", SUBSCRIPTION),
    "unsubscribe": ("DELETE", "/subscriptions/runs/kept", None),
    "sync": ("POST", "/_admin/sync?timeout=0.1", None),
}
READS = {
    "state": ("GET", "/_admin/state", None),
    "list": ("GET", "/subscriptions", None),
    "show": ("GET", "/subscriptions/runs/kept", None),
}
WISHES = [*CHANGES.values(), *READS.values()]
NAMES = [*CHANGES, *READS]


@pytest.fixture(scope="module")
def kept(storage, tmp_path_factory):
    one = subscription("runs", "kept", to_queue("kept"))
    emulator = launch_grid(tmp_path_factory.mktemp("kept"), storage, [one])
    yield emulator
    emulator.stop()
    emulator.close()


def endpoint(emulator):
    return emulator.ready["endpoint"]


def unchanged(emulator):
    names = [one["name"] for one in call(emulator, "GET", "/subscriptions")[1]["value"]]
    state = call(emulator, "GET", "/_admin/state")[1]
    return names == ["kept"] and state["faults"]["lose"] == 0 and not state["events"]


@pytest.mark.parametrize("attack", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("wish", WISHES, ids=NAMES)
def test_a_request_for_another_site_is_refused_although_it_has_the_key(kept, wish, attack):
    headers, status, header = attack
    found = ask(endpoint(kept), *wish, **JSON, aeg_sas_key=KEY, **headers)
    assert found.refuses(status, header), found
    assert unchanged(kept)


@pytest.mark.parametrize("wish", WISHES, ids=NAMES)
@pytest.mark.parametrize("key", [{}, {"aeg-sas-key": "d3Jvbmc="}, {"aeg-sas-key": "\xff"},
                                 {"aeg-sas-token": "r=x&e=y&s=\xff"}])  # fmt: skip
def test_everything_but_health_needs_the_key(kept, wish, key):
    found = ask(endpoint(kept), *wish, **JSON, **key)
    assert (found.status, '"Unauthorized"' in found.text) == (401, True), found
    assert unchanged(kept)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("wish", ["publish", "faults", "subscribe"])
def test_a_body_that_is_not_declared_as_json_is_refused(kept, wish, kind):
    own = {"Content-Type": kind} if kind else {}
    found = ask(endpoint(kept), *CHANGES[wish], aeg_sas_key=KEY, **own)
    assert found.refuses(415, "Content-Type")
    assert unchanged(kept)


def test_a_compressed_body_is_refused_before_anything_unpacks_it(kept):
    packed = {"Content-Encoding": "gzip", "aeg-sas-key": KEY}
    found = ask(endpoint(kept), "POST", "/topics/plain/api/events", b"x", **JSON, **packed)
    assert found.refuses(415, "Content-Encoding")


@pytest.mark.parametrize("path", ["/topics/plain/api/events", "/_admin/faults", "/subscriptions"])
def test_a_preflight_is_granted_nothing(kept, path):
    assert ask(endpoint(kept), "OPTIONS", path, **PREFLIGHT).refuses(403, "Origin")


def test_microsofts_client_still_publishes(shared):
    url = f"{endpoint(shared)}/topics/plain/api/events"
    with EventGridPublisherClient(url, AzureKeyCredential(KEY)) as client:
        client.send(EventGridEvent("s", "T", {"a": 1}, "1"))
