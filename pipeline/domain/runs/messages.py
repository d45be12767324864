"""The messages in the engine's queues. They are small: ledger and blobs hold the content."""

import json
import zlib
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, Field, ValidationError

from pipeline.domain.runs.stored import Stored
from pipeline.errors import Permanent

MAX_TRIES = 60
_LONGEST_S = 30.0
_TRIES_OF_HOST = 20  # what the host's own tries count for: it gives a message up three times
_PLACES = 8


class Queue(StrEnum):
    """The engine's queues: what Event Grid delivers, and all steps of runs.

    Each has a trigger, and the platform asks after the messages of each one all the time. So a
    further step gets a word in `Step`, not a queue.
    """

    BLOB_EVENTS = "blob-events"
    WORK = "work"
    RECEIPTS = "receipts"

    @property
    def poison(self) -> str:
        """The queue of messages that failed too often; the Functions host gives it this name."""
        return poison_of(self)


def poison_of(queue: str) -> str:
    """Return the name that the Functions host gives to the poison queue of a queue."""
    return f"{queue}-poison"


class Step(StrEnum):
    """What a message of the queue `work` asks for."""

    PLAN = "plan"
    SUBMIT = "submit"
    ASSEMBLE = "assemble"
    ANNOUNCE = "announce"
    TICK = "tick"


# The queues of release 0.1.0, one for each step. Remove with release 0.3.0 (2026-11-29).
RETIRED = (Step.PLAN, Step.SUBMIT, Step.ASSEMBLE, Step.ANNOUNCE)


class BadMessage(Permanent):
    """A queue message is malformed, or the engine did not send it."""


class Message(Stored):
    """What every message carries: how often it was put back, and the trace it belongs to."""

    tries: int = Field(default=0, ge=0)
    traceparent: str = Field(default="", max_length=100)

    @property
    def put_back(self) -> Self:
        """The message as it is put back after a failure that may pass."""
        return self.model_copy(update={"tries": self.tries + 1})

    @property
    def delay(self) -> timedelta:
        """How long the message stays hidden when it is put back; longer each time."""
        return timedelta(seconds=min(0.25 * 2 ** min(self.tries, 10), _LONGEST_S))

    @property
    def set_aside(self) -> Self:
        """The message as it is sent once more after the host gave it up.

        The host counts failures of the instance too, and those may be the fault of a neighbour.
        """
        return self.model_copy(update={"tries": self.tries + _TRIES_OF_HOST})

    @property
    def hopeless(self) -> Self:
        """The message as one that reached the retry limit."""
        return self.model_copy(update={"tries": MAX_TRIES})

    @property
    def apart(self) -> timedelta:
        """How long the message stays hidden when it is set aside, 30 seconds to 4 minutes.

        Messages differ in it, so that one that ends its instance each time comes back alone.
        """
        place = zlib.crc32(self.model_dump_json().encode()) % _PLACES
        return timedelta(seconds=_LONGEST_S * (1 + place))

    @property
    def exhausted(self) -> bool:
        """Whether it reached the retry limit."""
        return self.tries >= MAX_TRIES


class WorkMessage(Message):
    """Do this step."""

    step: Step

    @property
    def about(self) -> str:
        """The id of the run that the step belongs to; "" if it belongs to none."""
        return ""


class RunMessage(WorkMessage):
    """Do the next step of this generation of this run: plan or assemble it."""

    run: str = Field(max_length=64)
    generation: int = Field(ge=1)

    @property
    def about(self) -> str:
        """The id of the run."""
        return self.run


class SubmitMessage(RunMessage):
    """Submit one page of the published plan with this digest, or ask for all up to `last`."""

    digest: str = Field(max_length=64)
    page: int = Field(ge=0)
    last: int | None = Field(default=None, ge=0)


class AnnounceMessage(WorkMessage):
    """Publish one event of the outbox."""

    run: str = Field(max_length=64)
    event: str = Field(max_length=128)

    @property
    def about(self) -> str:
        """The id of the run."""
        return self.run


class AnnouncedEvent(Stored):
    """The fields of an event in the outbox that the engine reads."""

    id: str = Field(max_length=128)
    subject: str = Field(max_length=100)
    time: AwareDatetime
    traceparent: str = Field(default="", max_length=100)


class EventMessage(Message):
    """An Event Grid event that a handler put back for later; Event Grid sends the bare event."""

    event: dict[str, object]


def parse[M: Message](kind: type[M], body: str) -> M:
    """Read a message. Raises BadMessage, which says what is wrong."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise BadMessage(f"Malformed {kind.__name__}: {where}: {first['msg']}.") from error


def read(queue: Queue, body: str) -> EventMessage | WorkMessage:
    """Read a message of one of the engine's queues. Raises BadMessage."""
    return parse_work(body) if queue is Queue.WORK else parse_event(body)


def parse_event(body: str) -> EventMessage:
    """Read an Event Grid event from a queue, bare or put back by a handler. Raises BadMessage."""
    content = _object(body)
    if "event" in content:
        return parse(EventMessage, body)
    return EventMessage(event=dict(content))


def parse_work(body: str) -> WorkMessage:
    """Read a message of the queue `work`. Raises BadMessage."""
    step = _object(body).get("step")
    kind = _KINDS.get(step) if isinstance(step, str) else None
    if kind is None:
        raise BadMessage(f"Malformed message: step {str(step)[:20]!a} is unknown.")
    return parse(kind, body)


def from_retired(step: Step, body: str) -> str:
    """Return a message of a retired queue as the queue `work` takes it. Raises BadMessage."""
    return json.dumps({**_object(body), "step": step})


_KINDS: Mapping[str, type[WorkMessage]] = {
    Step.PLAN: RunMessage,
    Step.SUBMIT: SubmitMessage,
    Step.ASSEMBLE: RunMessage,
    Step.ANNOUNCE: AnnounceMessage,
    Step.TICK: WorkMessage,
}


def _object(body: str) -> Mapping[str, object]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"Malformed message: {error}.") from error
    if not isinstance(content, Mapping):
        raise BadMessage("Malformed message: it must be a JSON object.")
    return content
