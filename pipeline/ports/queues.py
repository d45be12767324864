"""Storage queues: messages, and the port."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

MAX_PEEKED = 32  # the service shows no more, and always the first
MISSING = "There is no queue {queue}; it can be made again (`fanfare doctor` says how)."


@dataclass(frozen=True)
class QueueMessage:
    """A received message: its text, and the receipt that deletes it."""

    id: str
    body: str
    receipt: str
    dequeue_count: int = 1


class Queues(Protocol):
    """Storage queues. Bodies are text; on the wire they are Base64, as the host expects."""

    def send(self, queue: str, body: str, delay: timedelta = timedelta()) -> QueueMessage:
        """Send a message that becomes visible after `delay`; return it, so that it can be deleted.

        Nobody can delete it by that any more when somebody has received it. A queue that is not
        there is Transient: somebody deleted it, and whoever sends has to go on when it is back.
        """

    def receive(self, queue: str, limit: int) -> list[QueueMessage]:
        """Receive up to `limit` messages, in calls of 32, and hide them for five minutes."""

    def peek(self, queue: str, limit: int) -> list[QueueMessage]:
        """Return up to `limit` of the first 32 visible messages, and leave them as they are.

        They have no receipt, so they cannot be deleted by it.
        """

    def delete(self, queue: str, message: QueueMessage) -> None:
        """Delete a received message; one that is gone or was redelivered is fine."""
