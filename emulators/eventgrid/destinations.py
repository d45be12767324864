"""Brings events to queues and endpoints, and undeliverable ones to their dead-letter container."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from emulators.eventgrid.events import Json, Schema, render, validation_event
from emulators.eventgrid.schedule import Attempt
from emulators.eventgrid.storage_wire import StorageClient
from emulators.eventgrid.store import Delivery
from emulators.eventgrid.subscriptions import Subscription

ANSWER_S = 30.0
ORIGIN = "eventgrid.azure.net"
NOT_ECHOED = "the endpoint did not return the code"


@dataclass(frozen=True)
class Challenge:
    """What a handshake in the Event Grid schema asks the endpoint to echo or to open."""

    topic_id: str
    code: str = field(default_factory=lambda: uuid.uuid4().hex)
    url: str = ""


class Destinations:
    """Makes one delivery attempt at a time; others decide what follows."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        storage: StorageClient | None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._session = session
        self._storage = storage
        self._timeout = aiohttp.ClientTimeout(total=answer_s)
        self._shaken: set[str] = set()

    async def deliver(self, to: Subscription, deliveries: Sequence[Delivery]) -> Attempt:
        """Make one delivery attempt; several deliveries make one batch that succeeds or fails as a
        whole."""
        try:
            if not to.destination.pushes:
                return await self._enqueue(to, deliveries[0])
            if to.destination.needs_handshake and to.key not in self._shaken:
                refusal = await self.handshake(to, Challenge(to.topic))
                if refusal is not None:
                    return Attempt(0, f"handshake: {refusal}")
            return await self._push(to, deliveries)
        except TimeoutError:
            return Attempt(
                408, "no answer in time", azure_endpoint=not to.destination.needs_handshake
            )
        except (aiohttp.ClientError, OSError) as error:
            return Attempt(0, type(error).__name__)

    async def dead_letter(self, to: Subscription, delivery: Delivery, now: float) -> bool:
        """Write one dead letter and tell whether that succeeded."""
        if self._storage is None or to.dead_letter_container is None:
            return False
        at = datetime.fromtimestamp(now, UTC)
        folder = f"{to.name.upper()}/{at.year}/{at.month}/{at.day}/{at.hour}"
        body = json.dumps([dead_letter_body(to, delivery)]).encode()
        try:
            status = await self._storage.put_blob(
                to.dead_letter_container, f"{folder}/{uuid.uuid4()}.json", body
            )
        except (aiohttp.ClientError, OSError):
            return False
        return status == 201  # noqa: PLR2004  # Created

    async def handshake(self, to: Subscription, challenge: Challenge) -> str | None:
        """Ask an endpoint whether it wants events; return why not, or None if it does."""
        shake = self._shake_cloud if to.schema is Schema.CLOUD else self._shake_event_grid
        try:
            refusal = await shake(to, challenge)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"the endpoint cannot be reached ({type(error).__name__})"
        if refusal is None:
            self._shaken.add(to.key)
        return refusal

    def confirm(self, to: Subscription) -> None:
        """Take a handshake as done, because its validation URL was opened."""
        self._shaken.add(to.key)

    async def _enqueue(self, to: Subscription, delivery: Delivery) -> Attempt:
        if self._storage is None:
            return Attempt(0, "no storage connection was given", azure_endpoint=True)
        text = json.dumps(render(delivery.event, to.schema))
        target = to.destination
        status = await self._storage.put_message(target.target, text, target.message_ttl_s)
        return Attempt(status, azure_endpoint=True)

    async def _push(self, to: Subscription, deliveries: Sequence[Delivery]) -> Attempt:
        bodies = [render(item.event, to.schema) for item in deliveries]
        content_type, body = _envelope(to, bodies)
        headers = _headers(to, deliveries, content_type)
        async with self._session.post(
            to.destination.target,
            data=json.dumps(body),
            headers=headers,
            timeout=self._timeout,
            allow_redirects=False,
        ) as answer:
            await answer.read()
            return Attempt(answer.status, azure_endpoint=not to.destination.needs_handshake)

    async def _shake_event_grid(self, to: Subscription, challenge: Challenge) -> str | None:
        event = validation_event(challenge.topic_id, challenge.code, challenge.url)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "aeg-event-type": "SubscriptionValidation",
            "aeg-subscription-name": to.name.upper(),
        }
        async with self._session.post(
            to.destination.target, data=json.dumps([event]), headers=headers, timeout=self._timeout
        ) as answer:
            raw = await answer.read()
            if not Attempt(answer.status).delivered:
                return f"the endpoint answered {answer.status}"
            return None if _echoed(raw) == challenge.code else NOT_ECHOED

    async def _shake_cloud(self, to: Subscription, _challenge: Challenge) -> str | None:
        headers = {"WebHook-Request-Origin": ORIGIN}
        async with self._session.options(
            to.destination.target, headers=headers, timeout=self._timeout
        ) as answer:
            await answer.read()
            if not Attempt(answer.status).delivered:
                return f"the endpoint answered {answer.status}"
            allowed = answer.headers.get("WebHook-Allowed-Origin", "")
            return None if allowed in (ORIGIN, "*") else "WebHook-Allowed-Origin does not allow us"


def dead_letter_body(to: Subscription, delivery: Delivery) -> Json:
    """Return the event with the facts of its failure, named in the way of its envelope."""
    known: Mapping[str, object] = {
        "deadLetterReason": delivery.reason,
        "deliveryAttempts": delivery.attempts,
        "lastDeliveryOutcome": delivery.outcome,
        "publishTime": _time(delivery.published_at),
        "lastDeliveryAttemptTime": _time(delivery.attempted_at),
        **({"lastHttpStatusCode": delivery.status} if delivery.status else {}),
    }
    lower = to.schema is Schema.CLOUD
    added = {name.lower() if lower else name: value for name, value in known.items()}
    return {**render(delivery.event, to.schema), **added}


def _envelope(to: Subscription, bodies: list[Json]) -> tuple[str, object]:
    if to.schema is Schema.EVENT_GRID:
        return "application/json; charset=utf-8", bodies
    if to.destination.batch_events > 1:
        return "application/cloudevents-batch+json; charset=utf-8", bodies
    return "application/cloudevents+json; charset=utf-8", bodies[0]


def _headers(to: Subscription, deliveries: Sequence[Delivery], content_type: str) -> dict[str, str]:
    first = deliveries[0]
    own = {
        "Content-Type": content_type,
        "aeg-event-type": "Notification",
        "aeg-subscription-name": to.name.upper(),
        "aeg-delivery-count": str(first.attempts),
        "aeg-data-version": str(first.event.body.get("dataVersion") or ""),
        "aeg-metadata-version": "1",
        "aeg-output-event-id": str(uuid.uuid4()),
    }
    if to.schema is Schema.CLOUD:
        own["WebHook-Request-Origin"] = ORIGIN
    return {**dict(to.destination.headers), **own}


def _echoed(raw: bytes) -> object:
    try:
        answer = json.loads(raw)
    except ValueError:
        return None
    return answer.get("validationResponse") if isinstance(answer, dict) else None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
