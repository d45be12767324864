"""Storage queues: messages, and the port."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True)
class QueueMessage:
    """A received message: text body, and the receipt that deletes it."""

    id: str
    body: str
    receipt: str
    dequeue_count: int = 1


class Queues(Protocol):
    """Storage queues; bodies are text (Base64 on the wire, as the Functions host and Event Grid use
    it).
    """

    def send(self, queue: str, body: str, delay: timedelta = timedelta()) -> None:
        """Put a message, visible after `delay`."""

    def receive(self, queue: str, limit: int) -> list[QueueMessage]:
        """Take up to `limit` messages (several calls of 32), hidden for five minutes."""

    def delete(self, queue: str, message: QueueMessage) -> None:
        """Delete a received message; one that is gone or was received again is fine."""
