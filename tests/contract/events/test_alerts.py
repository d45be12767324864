"""Each alert on a metric fires on the fault that it is about, and on no other.

The event subscriptions are the deployed ones, and the adapter publishes. Event Grid's emulator
counts under Azure's names; the conditions are those of the one table.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridPublisherClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from emulators.eventgrid.store import DEAD_LETTERING, PENDING
from pipeline.adapters.events.topic import AzureEvents
from pipeline.domain.health import alerts
from pipeline.domain.health.alerts import MetricAlert, Sample, Scope
from pipeline.errors import Permanent, Transient
from tests.contract.events.platform_metrics import SUPPORTED
from tests.emulators.eventgrid.conftest import call, subscription, sync, to_hook
from tests.emulators.eventgrid.receiver import Receiver, receiving
from tests.emulators.storage.processes import KEY, Emulator, in_file, running, storage_flags
from tests.infra.deployment import SUBSCRIPTIONS
from tests.patience import until

TOPIC = "fanfare-runs"
DEAD_LETTER = {
    "deadLetterDestination": {
        "endpointType": "StorageBlob",
        "properties": {"blobContainerName": "dead-letter"},
    }
}
A_DAY_IN_A_SECOND = "100000"
EVENT = {"specversion": "1.0", "source": "/fanfare", "type": "Fanfare.Run.Succeeded"}


@dataclass
class Site:
    """Storage, Event Grid with the deployed event subscriptions, and a subscriber of runs."""

    grid: Emulator
    blobs: BlobServiceClient
    queues: QueueServiceClient
    subscriber: Receiver

    def upload(self, count: int = 1) -> None:
        """Write blobs that start runs."""
        with self.blobs.get_container_client("input") as container:
            for number in range(count):
                container.upload_blob(f"lines/{number}.txt", b"one\n")

    def publish(self, count: int = 1, key: str = KEY) -> None:
        """Publish completion events as the engine does."""
        endpoint = f"{self.grid.ready['endpoint']}/topics/{TOPIC}/api/events"
        with EventGridPublisherClient(endpoint, AzureKeyCredential(key), retry_total=0) as client:
            for number in range(count):
                AzureEvents(client).publish({**EVENT, "id": str(number)})

    def finish(self) -> None:
        """Wait until each delivery has ended, well or badly."""
        sync(self.grid)
        until(lambda: not self._open(), what="the end of all deliveries", tell=self._open)

    def _open(self) -> str:
        deliveries = call(self.grid, "GET", "/_admin/state")[1]["deliveries"]
        going_on = {name for name, by in deliveries.items() if {PENDING, DEAD_LETTERING} & set(by)}
        return ", ".join(sorted(going_on))

    def samples(self) -> list[Sample]:
        """Return what Event Grid has counted."""
        status, body = call(self.grid, "GET", "/_admin/metrics")
        assert status == 200, body
        return [
            Sample(
                each["namespace"],
                each["name"],
                datetime.fromisoformat(each["timeStamp"]),
                each["total"],
            )
            for each in body["value"]
        ]

    def fired(self) -> set[str]:
        return alerts.exceeded(self.samples(), datetime.now(UTC))


@contextmanager
def serving(folder: Any) -> Iterator[Site]:
    with (
        running("storage", *storage_flags(folder / "storage")) as storage,
        receiving() as subscriber,
    ):
        text, config = storage.ready["connection_string"], folder / "config.json"
        shop = subscription(TOPIC, "shop", to_hook(subscriber.url), **DEAD_LETTER)
        all_of_them = [*SUBSCRIPTIONS["eventSubscriptions"], shop]
        config.write_text(json.dumps({**SUBSCRIPTIONS, "eventSubscriptions": all_of_them}))
        flags = ["--data", str(folder / "grid"), "--config", str(config)]
        flags += ["--storage-outbox", storage.ready["outbox"]]
        flags += ["--storage-connection", in_file(folder, text)]
        flags += ["--startup-grace-s", "0", "--time-scale", A_DAY_IN_A_SECOND]
        with (
            running("eventgrid", *flags) as grid,
            BlobServiceClient.from_connection_string(text) as blobs,
            QueueServiceClient.from_connection_string(text) as queues,
        ):
            for container in ("input", "dead-letter"):
                blobs.create_container(container).close()
            for queue in ("blob-events", "receipts"):
                queues.create_queue(queue).close()
            yield Site(grid, blobs, queues, subscriber)


@pytest.fixture
def site(tmp_path):
    with serving(tmp_path) as made:
        yield made


def queue_is_not_there(site: Site) -> None:
    """Somebody deleted the queue of storage events."""
    site.queues.delete_queue("blob-events")
    site.upload()


def no_queue_and_no_dead_letters(site: Site) -> None:
    """Somebody deleted the queue, and the container of dead letters."""
    site.blobs.delete_container("dead-letter")
    queue_is_not_there(site)


def subscriber_refuses(site: Site) -> None:
    """The subscriber's program answers 400."""
    site.subscriber.answer = lambda _request: 400
    site.publish()


def subscriber_refuses_and_no_dead_letters(site: Site) -> None:
    """The subscriber refuses, and somebody deleted the container of dead letters."""
    site.blobs.delete_container("dead-letter")
    subscriber_refuses(site)


def topic_refuses(site: Site) -> None:
    """The app may not publish."""
    with pytest.raises((Permanent, Transient)):
        site.publish(key="b3RoZXI=")


SEEDS: dict[str, Callable[[Site], None]] = {
    "fanfare-dead-letter": queue_is_not_there,
    "fanfare-dropped": no_queue_and_no_dead_letters,
    "fanfare-untold": subscriber_refuses_and_no_dead_letters,
    "fanfare-untaken": subscriber_refuses,
    "fanfare-publish": topic_refuses,
}


def test_each_alert_on_a_metric_has_its_fault():
    assert list(SEEDS) == [alert.name for alert in alerts.METRICS]


@pytest.mark.parametrize("name", SEEDS)
def test_an_alert_fires_on_its_fault_alone(site, name):
    SEEDS[name](site)
    site.finish()
    assert site.fired() == {name}, site.samples()
    assert alerts.exceeded(site.samples(), datetime.now(UTC) + 2 * alerts.PERIOD) == set()


def test_many_healthy_runs_fire_nothing(site):
    answers = iter([500, 503])  # a subscriber that restarts is tried again
    site.subscriber.answer = lambda _request: next(answers, 200)
    site.upload(50)
    site.publish(50)
    site.finish()
    assert {(s.scope, s.metric, s.total > 0) for s in site.samples()} == {
        (scope, "PublishSuccessCount", True) for scope in Scope
    }
    assert sum(sample.total for sample in site.samples()) == 100
    assert site.fired() == set()


@pytest.mark.parametrize("alert", alerts.METRICS, ids=lambda alert: alert.name)
def test_azure_has_the_metric_of_each_alert(alert: MetricAlert):
    assert alert.metric in SUPPORTED[alert.scope]


@pytest.mark.parametrize("alert", alerts.METRICS, ids=lambda alert: alert.name)
def test_an_alert_adds_up_its_own_metric_in_its_own_period(alert: MetricAlert):
    now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    late, early = now - timedelta(minutes=1), now - alerts.PERIOD
    fault = Sample(alert.scope, alert.metric, late, alert.above + 1)
    other = [
        Sample(alert.scope, alert.metric, late, alert.above),
        Sample(alert.scope, alert.metric, early, alert.above + 1),
        Sample(alert.scope, alert.metric, now + timedelta(minutes=1), alert.above + 1),
        Sample(alert.scope, "MatchedEventCount", late, 9),
        Sample("Microsoft.EventGrid/domains", alert.metric, late, 9),
    ]
    assert alerts.exceeded(other, now) == set()
    assert alerts.exceeded([fault, *other], now) == {alert.name}
