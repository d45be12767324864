"""The two envelopes of an event: checks what publishers send, and converts one into the other."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import cast

from emulators._json import parse_json

MAX_BYTES = 1024 * 1024
MAX_EVENTS = 5000
METADATA_VERSION = "1"

type Json = dict[str, object]


class Schema(StrEnum):
    """The envelopes that topics take and subscriptions deliver."""

    EVENT_GRID = "EventGridSchema"
    CLOUD = "CloudEventSchemaV1_0"


class Rejected(Exception):
    """A request that Event Grid refuses, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Event:
    """One event in the envelope it came in."""

    schema: Schema
    body: Json

    @property
    def id(self) -> str:
        """Return the id that the publisher gave."""
        return str(self.body["id"])

    @property
    def type(self) -> str:
        """Return the event type; the two envelopes name it differently."""
        return str(self.body["eventType" if self.schema is Schema.EVENT_GRID else "type"])

    @property
    def subject(self) -> str:
        """Return the subject, which a CloudEvent may lack."""
        return str(self.body.get("subject") or "")


def parse_publish(raw: bytes, content_type: str, schema: Schema, topic_id: str) -> list[Event]:
    """Return the events of one publish request; raises Rejected with Event Grid's answer."""
    if len(raw) > MAX_BYTES:
        raise Rejected(413, f"The request has {len(raw)} bytes; at most {MAX_BYTES} are taken.")
    elements = _elements(raw, content_type, schema)
    if len(elements) > MAX_EVENTS:
        raise Rejected(
            413, f"The request has {len(elements)} events; at most {MAX_EVENTS} are taken."
        )
    check: Callable[[Json, int], Json] = _check_cloud
    if schema is Schema.EVENT_GRID:
        check = _event_grid_checker(topic_id)
    return [Event(schema, check(_object(item, at), at)) for at, item in enumerate(elements)]


def system_event(line: Mapping[str, object], topic_id: str) -> Event:
    """Wrap a line of a system source in the Event Grid envelope; raises KeyError if a part is
    missing."""
    body: Json = {"topic": topic_id}
    body.update({name: line[name] for name in ("subject", "eventType", "eventTime", "id", "data")})
    return Event(
        Schema.EVENT_GRID, {**body, "dataVersion": "", "metadataVersion": METADATA_VERSION}
    )


def render(event: Event, schema: Schema) -> Json:
    """Return the event's body in the envelope that a subscription asked for."""
    if schema is event.schema:
        return event.body
    if schema is Schema.EVENT_GRID:
        raise ValueError("A CloudEvent cannot be delivered in the Event Grid schema.")
    source = event.body
    return {
        "id": source["id"],
        "source": source.get("topic") or "",
        "specversion": "1.0",
        "type": source["eventType"],
        "subject": source["subject"],
        "time": source["eventTime"],
        "data": source.get("data"),
    }


def validation_event(topic_id: str, code: str, url: str) -> Json:
    """Return the body of the handshake event in the Event Grid schema."""
    return {
        "id": str(uuid.uuid4()),
        "topic": topic_id,
        "subject": "",
        "data": {"validationCode": code, "validationUrl": url},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": datetime.now(UTC).isoformat(),
        "metadataVersion": METADATA_VERSION,
        "dataVersion": "1",
    }


def _elements(raw: bytes, content_type: str, schema: Schema) -> list[object]:
    try:
        body = parse_json(raw)
    except ValueError as error:
        raise Rejected(400, f"The body is not JSON: {error}") from error
    if isinstance(body, list):
        return cast(list[object], body)
    if schema is Schema.CLOUD and content_type == "application/cloudevents+json":
        return [body]
    raise Rejected(400, "The body has to be a JSON array of events.")


def _object(item: object, at: int) -> Json:
    if not isinstance(item, dict):
        raise Rejected(400, f"Element {at} is not an object.")
    return item


def _event_grid_checker(topic_id: str) -> Callable[[Json, int], Json]:
    def check(event: Json, at: int) -> Json:
        for name in ("id", "subject", "eventType", "eventTime"):
            _require_text(event, name, at)
        _require_time(event["eventTime"], "eventTime", at)
        if event.get("topic") not in (None, "", topic_id):
            raise Rejected(400, f"Event {at}: topic may be left out or has to be {topic_id}.")
        if event.get("metadataVersion") not in (None, METADATA_VERSION):
            raise Rejected(400, f"Event {at}: metadataVersion has to be {METADATA_VERSION}.")
        stamped = {"topic": topic_id, "metadataVersion": METADATA_VERSION}
        return {**event, **stamped, "dataVersion": event.get("dataVersion") or ""}

    return check


def _check_cloud(event: Json, at: int) -> Json:
    for name in ("id", "source", "type"):
        _require_text(event, name, at)
    if event.get("specversion") != "1.0":
        raise Rejected(400, f'Event {at}: specversion has to be "1.0".')
    if event.get("time") is not None:
        _require_time(event["time"], "time", at)
    if "data" in event and "data_base64" in event:
        raise Rejected(400, f"Event {at} has both data and data_base64.")
    for name in event:
        # CloudEvents names have lower-case letters and digits only, except data_base64.
        if name != "data_base64" and not (
            name.isascii() and name.isalnum() and name == name.lower()
        ):
            raise Rejected(400, f"Event {at}: {name!r} is not a CloudEvents attribute name.")
    return event


def _require_text(event: Json, name: str, at: int) -> None:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise Rejected(400, f"Event {at}: {name} is required and has to be a non-empty string.")


def _require_time(value: object, name: str, at: int) -> None:
    try:
        datetime.fromisoformat(str(value))
    except ValueError as error:
        raise Rejected(400, f"Event {at}: {name} is not a time.") from error
