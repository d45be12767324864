"""The model without sockets: knows topics and subscriptions, takes events in and fans them out."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast

from emulators.eventgrid.events import Event, Json, system_event
from emulators.eventgrid.faults import Fate, FaultDice
from emulators.eventgrid.filters import passes
from emulators.eventgrid.outbox import Position
from emulators.eventgrid.store import Incoming, Store
from emulators.eventgrid.subscriptions import (
    Arm,
    BadSubscription,
    Subscription,
    Topic,
    parse_subscription,
    parse_topic,
)


class Broker:
    """Topics, subscriptions and the store; calls `arrived` after each commit of new deliveries."""

    def __init__(self, config: Arm, store: Store, dice: FaultDice) -> None:
        with _malformed("topics"):
            topics = [parse_topic(raw) for raw in cast(Sequence[Arm], config.get("topics") or ())]
        self.topics = {topic.name: topic for topic in topics}
        self.subscriptions: dict[str, Subscription] = {}
        self.arrived: Callable[[], None] = lambda: None
        self.store = store
        self.dice = dice
        # Subscriptions added at run time come first, so that the configuration file overrides them.
        for topic, name, body in store.saved_subscriptions():
            if topic in self.topics:
                self._keep(self.parse(topic, name, body))
        with _malformed("eventSubscriptions"):
            for raw in cast(Sequence[Arm], config.get("eventSubscriptions") or ()):
                self._keep(self.parse(str(raw.get("topic")), str(raw.get("name")), raw))

    def parse(self, topic: str, name: str, raw: Arm) -> Subscription:
        """Read a subscription of a known topic; raises BadSubscription."""
        if topic not in self.topics:
            raise BadSubscription(f"{name}: there is no topic {topic!r}.")
        with _malformed(name):
            return parse_subscription(self.topics[topic], name, raw)

    def subscribe(self, subscription: Subscription) -> None:
        """Add or replace a subscription and keep it across restarts."""
        self.store.save_subscription(subscription.topic, subscription.name, subscription.arm)
        self._keep(subscription)
        self.arrived()

    def unsubscribe(self, key: str) -> bool:
        """Remove a subscription and drop its open deliveries; return whether it existed."""
        subscription = self.subscriptions.pop(key, None)
        if subscription is not None:
            self.store.delete_subscription(subscription.topic, subscription.name)
        return subscription is not None

    def custom_topic(self, name: str | None) -> Topic | None:
        """Return a custom topic by name, or the only one if no name is given."""
        custom = [topic for topic in self.topics.values() if not topic.system]
        if name is None:
            return custom[0] if len(custom) == 1 else None
        return next((topic for topic in custom if topic.name == name), None)

    def publish(self, topic: Topic, events: Iterable[Event]) -> None:
        """Store a publisher's events; a repeated id is another event, as in Azure."""
        self._take(topic, [(uuid.uuid4().hex, event) for event in events], None)

    def refuse(self, topic: Topic) -> None:
        """Count a publisher's request that was refused."""
        self.store.refuse(topic.name, time.time())

    def metrics(self) -> list[Json]:
        """Return what each platform metric of each topic adds up to, minute by minute."""
        return [
            {
                "namespace": self.topics[sample.topic].namespace,
                "topic": sample.topic,
                "name": sample.name,
                "timeStamp": datetime.fromtimestamp(sample.began_at, UTC).isoformat(),
                "total": sample.total,
            }
            for sample in self.store.samples()
            if sample.topic in self.topics
        ]

    def take_outbox(self, lines: Iterable[Mapping[str, object]], position: Position) -> None:
        """Store the events of the storage account, each event id once, with the position
        reached."""
        for topic in self.topics.values():
            if topic.system:
                events = [
                    event for line in lines if (event := _blob_event(line, topic)) is not None
                ]
                self._take(topic, [(event.id, event) for event in events], position)
                return

    def _take(
        self, topic: Topic, events: Sequence[tuple[str, Event]], position: Position | None
    ) -> None:
        incoming = [
            Incoming(key, topic.name, event, self._fates(topic, event)) for key, event in events
        ]
        self.store.add(incoming, time.time(), position.dump() if position else None)
        self.arrived()

    def _fates(self, topic: Topic, event: Event) -> Mapping[str, Fate]:
        return {
            key: self.dice.fate(key, losable=topic.system)
            for key, subscription in self.subscriptions.items()
            if subscription.topic == topic.name and passes(subscription.filter, event)
        }

    def _keep(self, subscription: Subscription) -> None:
        self.subscriptions[subscription.key] = subscription


def arm_answer(subscription: Subscription, state: str) -> Json:
    """Return a subscription in the form of ARM."""
    properties = dict(cast(Arm, subscription.arm["properties"]))
    return {
        "id": subscription.key,
        "name": subscription.name,
        "type": "Microsoft.EventGrid/eventSubscriptions",
        "properties": {**properties, "topic": subscription.topic, "provisioningState": state},
    }


@contextmanager
def _malformed(what: str) -> Iterator[None]:
    """Turn a value of the wrong shape, such as a list in place of an object, into one clear
    message."""
    try:
        yield
    except (TypeError, AttributeError) as error:
        raise BadSubscription(f"{what}: not in the expected shape ({error}).") from error


def _blob_event(line: Mapping[str, object], topic: Topic) -> Event | None:
    try:
        return system_event(line, topic.id)
    except KeyError:
        return None
