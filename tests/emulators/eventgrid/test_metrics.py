"""The emulator counts what Azure's platform metrics count, by their names."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from emulators.eventgrid.events import Event, Schema
from emulators.eventgrid.faults import Fate
from emulators.eventgrid.store import (
    DEAD_LETTERED,
    DELIVERED,
    DROPPED,
    KEEP_FINISHED_S,
    PENDING,
    Incoming,
    Store,
)
from tests.contract.events.platform_metrics import SUPPORTED
from tests.emulators.eventgrid.conftest import TOPICS, call, states, subscription, sync, to_hook

CLOUD = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0"}
MINUTE = 60


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "eventgrid.db")
    yield made
    made.close()


def arrive(store, count, now):
    event = Event(Schema.CLOUD, CLOUD)
    keys = [f"{now}:{n}" for n in range(count)]
    store.add([Incoming(key, "runs", event, {"runs/shop": Fate()}) for key in keys], now)
    return store.due("runs/shop", now, count)


def told(store):
    return [(s.topic, s.name, s.began_at, s.total) for s in store.samples()]


def metrics(emulator, topic):
    """Return a topic's; that of blobs also counts what other tests wrote into the storage."""
    status, body = call(emulator, "GET", "/_admin/metrics")
    assert status == 200, body
    return [each for each in body["value"] if each["topic"] == topic]


def test_each_minute_adds_up_by_itself(store):
    begun = time.time() // MINUTE * MINUTE
    first, second, third = arrive(store, 3, begun)
    store.update([first.moved(DEAD_LETTERED), second.moved(DROPPED)], begun + 59)
    store.update([third.moved(DEAD_LETTERED)], begun + 60)
    arrive(store, 1, begun + 61)
    assert told(store) == [
        ("runs", "DeadLetteredCount", begun, 1),
        ("runs", "DeadLetteredCount", begun + 60, 1),
        ("runs", "DroppedEventCount", begun, 1),
        ("runs", "PublishSuccessCount", begun, 3),
        ("runs", "PublishSuccessCount", begun + 60, 1),
    ]


def test_what_is_delivered_or_tried_again_is_not_counted_as_lost(store):
    now = time.time()
    first, second = arrive(store, 2, now)
    store.update([first.moved(DELIVERED), second.moved(PENDING, attempts=3)], now)
    assert [name for _topic, name, *_ in told(store)] == ["PublishSuccessCount"]


def test_a_repeated_line_of_the_outbox_counts_once(store):
    item = Incoming("blob-1", "blobs", Event(Schema.EVENT_GRID, {}), {})
    store.add([item, item], time.time())
    assert [total for *_, total in told(store)] == [1]


def test_metrics_outlive_a_restart_and_are_kept_as_long_as_events(tmp_path):
    now, path = time.time(), tmp_path / "eventgrid.db"
    store = Store(path)
    store.refuse("runs", now)
    store.refuse("runs", now - KEEP_FINISHED_S - 2 * MINUTE)
    store.close()
    store = Store(path)
    assert [total for *_, total in told(store)] == [1]
    store.close()


def test_metrics_are_told_by_the_resource_type_and_name_that_azure_has(grid, hook):
    hook.answer = lambda _request: 400
    with grid(subscription("runs", "shop", to_hook(hook.url))) as emulator:
        assert call(emulator, "POST", "/topics/runs/api/events", [CLOUD])[0] == 200
        assert call(emulator, "POST", "/topics/runs/api/events", ["nonsense"])[0] == 400
        sync(emulator)
        assert states(emulator, "runs/shop") == {"dropped": 1}
        found = metrics(emulator, "runs")
    assert [(each["name"], each["total"]) for each in found] == [
        ("DroppedEventCount", 1),
        ("PublishFailCount", 1),
        ("PublishSuccessCount", 1),
    ]
    for each in found:
        assert each["name"] in SUPPORTED[each["namespace"]]
        age = datetime.now(UTC) - datetime.fromisoformat(each["timeStamp"])
        assert timedelta(0) <= age < timedelta(hours=1)


def test_a_request_that_is_too_large_counts_as_refused(grid):
    with grid() as emulator:
        large = [{**CLOUD, "data": "x" * 1_100_000}]
        assert call(emulator, "POST", "/topics/runs/api/events", large)[0] == 413
        assert [each["name"] for each in metrics(emulator, "runs")] == ["PublishFailCount"]


def test_system_topics_have_their_own_namespace(grid, place):
    container, _queue = place
    with grid() as emulator:
        container.upload_blob("a", b"x")
        sync(emulator)
        found = metrics(emulator, TOPICS[0]["name"])
    assert {each["namespace"] for each in found} == {"Microsoft.EventGrid/systemTopics"}
