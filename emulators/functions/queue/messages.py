"""A message in hand, and what it passes to its function."""

from dataclasses import dataclass, field

from azure.storage.queue import QueueMessage

from emulators.functions.app.invocations import Call
from emulators.functions.worker.wire import Datum, binary, text


@dataclass
class Dequeued:
    """A message in hand; its pop receipt changes with every renewal."""

    id: str
    content: str
    dequeue_count: int
    pop_receipt: str
    body: bytes = b""
    metadata: dict[str, Datum] = field(default_factory=dict)


def dequeued(message: QueueMessage) -> Dequeued:
    """Take over a message as the client received it, not decoded yet."""
    moments = {
        "InsertionTime": message.inserted_on,
        "ExpirationTime": message.expires_on,
        "NextVisibleTime": message.next_visible_on,
    }
    return Dequeued(
        id=str(message.id),
        content=str(message.content or ""),
        dequeue_count=int(message.dequeue_count or 1),
        pop_receipt=str(message.pop_receipt),
        metadata={
            "Id": text(str(message.id)),
            "DequeueCount": text(str(message.dequeue_count)),
            "PopReceipt": text(str(message.pop_receipt)),
            **{name: text(at.isoformat() if at else "") for name, at in moments.items()},
        },
    )


def queue_call(
    body: bytes, queue: str, message: Dequeued | None = None, *, as_bytes: bool = False
) -> Call:
    """Return what a queue message passes to its function; raises ValueError if it has to be text
    and is not.

    The metadata has the text too, if it is one.
    """
    metadata = dict(message.metadata) if message else {"DequeueCount": text("1")}
    try:
        decoded = body.decode("utf-8")
    except UnicodeDecodeError as error:
        if not as_bytes:
            raise ValueError("the message is not UTF-8, and its function wants text") from error
    else:
        metadata["QueueTrigger"] = text(decoded)
    data = binary(body) if as_bytes else text(decoded)
    return Call(f"New queue message detected on '{queue}'.", data, metadata)
