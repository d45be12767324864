"""Hears the completion events of a smoke: by a queue that gets them, or not at all, and why."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

from pipeline.cli.session import Session
from pipeline.cli.stack.grid import EventGrid
from pipeline.cli.subscribing.azure import Topic
from pipeline.cli.subscribing.heard import Heard, heard
from pipeline.cli.subscribing.local import Subscriptions
from pipeline.cli.subscribing.wanted import Filter, Wanted
from pipeline.domain.definitions.types import SMOKE
from pipeline.errors import FanfareError
from pipeline.ports.queues import MAX_PEEKED, Queues

_SUBSCRIBE = "fanfare subscribe --queue NAME --print"


@dataclass(frozen=True)
class Ear:
    """A queue that gets the events; `close` ends what was made for it.

    A look leaves the events there, for whoever the queue is for.
    """

    queues: Queues
    queue: str
    close: Callable[[], object] = lambda: None

    def hears(self, event: str) -> bool:
        """Return whether the event of this id is in the queue."""
        return any(found.event.get("id") == event for found in self._there())

    @property
    def is_full(self) -> bool:
        """Whether a look may have missed what lies behind other messages."""
        return len(self.queues.peek(self.queue, MAX_PEEKED)) >= MAX_PEEKED

    def _there(self) -> Iterator[Heard]:
        for message in self.queues.peek(self.queue, MAX_PEEKED):
            said = heard(message.body)
            if isinstance(said, Heard):
                yield said


@dataclass(frozen=True)
class Deaf:
    """No event can be heard from here, for a reason; `remedy` would change that."""

    reason: str
    remedy: str = ""


def listen(session: Session) -> Ear | Deaf:
    """Find or make a queue that gets the events of a smoke. Raises CommandError locally.

    A deployment is never changed: a queue that has a subscription already is looked into.
    """
    if session.engine.local:
        return _own_queue(session)
    try:
        topic = Topic.of(session.values())
        found = session.subscriptions(topic.subscription, topic.group, topic.name)
    except FanfareError as error:
        return Deaf(f"the subscriptions of the topic cannot be read: {error}")
    queues = (_queue_of(topic, properties) for properties in found.values())
    name = next(filter(None, queues), None)
    if name is None:
        reason = "no queue of this storage account is subscribed to all completion events"
        return Deaf(reason, session.addressed(_SUBSCRIBE))
    return Ear(session.engine.ports.queues, name)


def _own_queue(session: Session) -> Ear:
    """Subscribe a queue of a local stack that gets the events of smokes alone."""
    provision = import_module("pipeline.adapters.provision")  # it takes a second to import
    settings, name = session.settings(), f"{SMOKE}-{session.engine.token()}"
    there = Subscriptions(EventGrid.of(session.stack()), session.addressed)
    wanted = Wanted(name, queue=name, filter=Filter((SMOKE,)))

    def end() -> None:
        there.unsubscribe(name)
        provision.delete_queue(settings, name)

    there.subscribe(wanted, lambda: provision.create_queue(settings, name))
    return Ear(session.engine.ports.queues, name, end)


def _queue_of(topic: Topic, properties: Mapping[str, object]) -> str | None:
    """Name the queue of a subscription that lets all events through into the topic's account."""
    by_identity = _mapping(properties.get("deliveryWithResourceIdentity"))
    destination = _mapping(properties.get("destination")) or _mapping(
        by_identity.get("destination")
    )
    where = _mapping(destination.get("properties"))
    account = str(where.get("resourceId", "")).lower()
    if not where.get("queueName") or account != topic.account_id.lower():
        return None
    only = _mapping(properties.get("filter"))
    limited = any(
        only.get(key)
        for key in (
            "includedEventTypes",
            "advancedFilters",
            "subjectBeginsWith",
            "subjectEndsWith",
        )
    )
    return None if limited else str(where["queueName"])


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
