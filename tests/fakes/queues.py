"""Storage queues in memory, with what tests ask of them."""

from datetime import timedelta

from pipeline.adapters.machine.queues import MemoryQueues, Stored
from pipeline.domain.runs.messages import Queue
from pipeline.ports.queues import QueueMessage

__all__ = ["FakeQueues", "Stored"]


class FakeQueues(MemoryQueues):
    """Queues by name; those of the app, of release 0.1.0, and their poison queues exist."""

    def release(self, queue: str, message: QueueMessage, delay: timedelta) -> None:
        """Let a received message be redelivered after a delay."""
        held = self._messages(queue).get(message.id)
        if held and held.receipt == message.receipt:
            held.visible_at = self._clock.now() + delay

    def create(self, queue: str) -> None:
        """Create a queue of a subscriber; nothing if it is there."""
        self._queues.setdefault(queue, {})

    def kept(self, queue: str) -> list[Stored]:
        """Return every message, hidden or not, in the order of sending."""
        return list(self._messages(queue).values())

    def forget(self, queue: str, message: str) -> None:
        """Lose a message by its id."""
        del self._messages(queue)[message]

    def bodies(self, queue: str) -> list[str]:
        """Return every message, hidden or not, in the order of sending, for assertions."""
        return [stored.body for stored in self._messages(queue).values()]

    def total(self) -> int:
        """Count the messages of the app's queues, hidden ones included."""
        names = (name for queue in Queue for name in (queue, queue.poison))
        return sum(len(self._queues[name]) for name in names)
