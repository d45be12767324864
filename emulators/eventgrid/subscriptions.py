"""Reads topics and event subscriptions in the form of ARM and Bicep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from emulators.eventgrid.events import Schema
from emulators.eventgrid.filters import BadFilter, Filter, parse_filter
from emulators.eventgrid.schedule import RetryPolicy

type Arm = Mapping[str, object]

_PUSH_TYPES = ("WebHook", "AzureFunction")
_MAX_BATCH_EVENTS = 5000
_MAX_BATCH_KILOBYTES = 1024


class BadSubscription(ValueError):
    """The topic or subscription cannot be accepted."""


@dataclass(frozen=True)
class Topic:
    """Where events come in: a custom topic, or a system topic with a source."""

    name: str
    id: str
    schema: Schema = Schema.EVENT_GRID
    system: bool = False

    @property
    def namespace(self) -> str:
        """Return the resource type in Azure, which is the namespace of its metrics."""
        return f"Microsoft.EventGrid/{'systemTopics' if self.system else 'topics'}"


@dataclass(frozen=True)
class Destination:
    """Where events go: `target` is a queue name or an endpoint URL."""

    kind: str
    target: str
    batch_events: int = 1
    batch_kilobytes: int = 64
    headers: tuple[tuple[str, str], ...] = ()
    message_ttl_s: int = 604_800

    @property
    def pushes(self) -> bool:
        """Tell whether delivery is an HTTP request to the subscriber."""
        return self.kind in _PUSH_TYPES

    @property
    def needs_handshake(self) -> bool:
        """Tell whether the endpoint must first prove that it wants the events; only web hooks
        must."""
        return self.kind == "WebHook"


@dataclass(frozen=True)
class Subscription:
    """One event subscription, and the ARM text that it was read from."""

    topic: str
    name: str
    destination: Destination
    filter: Filter
    schema: Schema
    retry: RetryPolicy
    dead_letter_container: str | None
    arm: Arm = field(compare=False)

    @property
    def key(self) -> str:
        """Return the key of its deliveries in the store."""
        return f"{self.topic}/{self.name}"


def parse_topic(raw: Arm) -> Topic:
    """Read one topic of the configuration file."""
    name = _text(raw, "name")
    kind = str(raw.get("type") or "Microsoft.EventGrid.Topics")
    system = kind != "Microsoft.EventGrid.Topics"
    default_id = (
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
        f"/providers/Microsoft.EventGrid/topics/{name}"
    )
    schema = _schema(raw.get("inputSchema") or Schema.EVENT_GRID)
    return Topic(name, str(raw.get("source") or default_id), schema, system)


def parse_subscription(topic: Topic, name: str, raw: Arm) -> Subscription:
    """Read one event subscription (`{"properties": {…}}`); raises BadSubscription."""
    arm = _mapping(raw.get("properties"), f"{name}: properties")
    if topic.system and topic.schema is not Schema.EVENT_GRID:
        raise BadSubscription(f"{topic.name}: a system topic takes no inputSchema.")
    schema = _schema(arm.get("eventDeliverySchema") or topic.schema)
    if topic.schema is Schema.CLOUD and schema is not Schema.CLOUD:
        raise BadSubscription(f"{name}: a topic of CloudEvents delivers CloudEvents only.")
    try:
        wanted = parse_filter(cast(Arm, arm.get("filter") or {}))
    except BadFilter as error:
        raise BadSubscription(f"{name}: {error}") from error
    return Subscription(
        topic=topic.name,
        name=name,
        destination=_destination(name, arm),
        filter=wanted,
        schema=schema,
        retry=_retry(name, cast(Arm, arm.get("retryPolicy") or {})),
        dead_letter_container=_dead_letter(name, arm.get("deadLetterDestination")),
        arm=raw,
    )


def _destination(name: str, arm: Arm) -> Destination:
    raw = _mapping(arm.get("destination"), f"{name}: destination")
    kind, properties = _text(raw, "endpointType"), _mapping(raw.get("properties"), "destination")
    if kind == "StorageQueue":
        ttl_s = properties.get("queueMessageTimeToLiveInSeconds") or 604_800
        if not isinstance(ttl_s, int):
            raise BadSubscription(f"{name}: queueMessageTimeToLiveInSeconds has to be a number.")
        return Destination(kind, _text(properties, "queueName"), message_ttl_s=ttl_s)
    if kind not in _PUSH_TYPES:
        raise BadSubscription(f"{name}: endpointType {kind!r} is not emulated.")
    url = _text(properties, "endpointUrl")
    if not url.startswith(("http://", "https://")):
        raise BadSubscription(f"{name}: endpointUrl has to be an http or https URL.")
    return Destination(
        kind,
        url,
        _bounded(properties, "maxEventsPerBatch", 1, _MAX_BATCH_EVENTS),
        _bounded(properties, "preferredBatchSizeInKilobytes", 64, _MAX_BATCH_KILOBYTES),
        _custom_headers(properties),
    )


def _custom_headers(properties: Arm) -> tuple[tuple[str, str], ...]:
    mappings = cast(list[Arm], properties.get("deliveryAttributeMappings") or [])
    if any(item.get("type") != "Static" for item in mappings):
        raise BadSubscription("Only Static deliveryAttributeMappings are emulated.")
    pairs = [(_text(item, "name"), cast(Arm, item.get("properties") or {})) for item in mappings]
    headers = tuple((name, str(properties.get("value") or "")) for name, properties in pairs)
    if not all((name + value).isprintable() for name, value in headers):
        raise BadSubscription("A delivery attribute holds a control character.")
    return headers


def _retry(name: str, arm: Arm) -> RetryPolicy:
    try:
        return RetryPolicy(
            _bounded(arm, "maxDeliveryAttempts", 30, 30),
            _bounded(arm, "eventTimeToLiveInMinutes", 1440, 1440),
        )
    except BadSubscription as error:
        raise BadSubscription(f"{name}: retryPolicy: {error}") from error


def _dead_letter(name: str, raw: object) -> str | None:
    if raw is None:
        return None
    arm = _mapping(raw, f"{name}: deadLetterDestination")
    if arm.get("endpointType") != "StorageBlob":
        raise BadSubscription(f"{name}: dead letters go to a StorageBlob only.")
    return _text(_mapping(arm.get("properties"), "deadLetterDestination"), "blobContainerName")


def _bounded(arm: Arm, name: str, default: int, most: int) -> int:
    value = arm.get(name, default)
    if not isinstance(value, int) or not 1 <= value <= most:
        raise BadSubscription(f"{name} has to be 1 to {most}.")
    return value


def _schema(value: object) -> Schema:
    try:
        return Schema(str(value))
    except ValueError:
        raise BadSubscription(f"Schema {value!r} is not emulated.") from None


def _mapping(value: object, what: str) -> Arm:
    if not isinstance(value, Mapping):
        raise BadSubscription(f"{what} has to be an object.")
    return value


def _text(arm: Arm, name: str) -> str:
    value = arm.get(name)
    if not isinstance(value, str) or not value:
        raise BadSubscription(f"{name} is required.")
    return value
