"""Storage queues in memory; visibility follows the clock."""

import base64
import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from pipeline.adapters import limits
from pipeline.domain.runs.messages import RETIRED, Queue, poison_of
from pipeline.errors import NotFound, Transient
from pipeline.ports.queues import MAX_PEEKED, MISSING, QueueMessage
from pipeline.ports.world import Clock

HIDDEN = timedelta(minutes=5)


@dataclass
class Stored:
    """A message as the queue keeps it."""

    id: str
    body: str
    visible_at: datetime
    receipt: str = ""
    dequeue_count: int = 0


class MemoryQueues:
    """Queues by name; those of the app, of release 0.1.0, and their poison queues exist.

    Threads may share them.
    """

    def __init__(self, clock: Clock) -> None:
        self._lock = Lock()
        self._clock = clock
        self._numbers = itertools.count(1)
        self._queues: dict[str, dict[str, Stored]] = {
            name: {} for queue in (*Queue, *RETIRED) for name in (queue, poison_of(queue))
        }

    def send(self, queue: str, body: str, delay: timedelta = timedelta()) -> QueueMessage:
        """Send a message that becomes visible after `delay`."""
        limits.check_message(base64.b64encode(body.encode()).decode())
        if queue not in self._queues:
            raise Transient(MISSING.format(queue=queue))
        number = next(self._numbers)
        stored = Stored(f"m{number}", body, self._clock.now() + delay, f"sent-{number}")
        self._messages(queue)[stored.id] = stored
        return QueueMessage(stored.id, body, stored.receipt, 0)

    def receive(self, queue: str, limit: int) -> list[QueueMessage]:
        """Receive up to `limit` messages, and hide them for five minutes."""
        return self.hand_out(queue, limit, HIDDEN)

    def peek(self, queue: str, limit: int) -> list[QueueMessage]:
        """Return up to `limit` of the first 32 visible messages, and leave them as they are."""
        first = self._visible(queue)[: min(limit, MAX_PEEKED)]
        return [QueueMessage(s.id, s.body, "", s.dequeue_count) for s in first]

    def hand_out(self, queue: str, limit: int, hidden: timedelta) -> list[QueueMessage]:
        """Hide up to `limit` messages for a time, and return them."""
        if not self._messages(queue):
            return []
        now = self._clock.now()
        with self._lock:
            taken = self._visible(queue)[:limit]
            for stored in taken:
                stored.visible_at = now + hidden
                stored.receipt = f"receipt-{next(self._numbers)}"
                stored.dequeue_count += 1
            return [QueueMessage(s.id, s.body, s.receipt, s.dequeue_count) for s in taken]

    def delete(self, queue: str, message: QueueMessage) -> None:
        """Delete a received message; one that is gone or was redelivered is fine."""
        messages = self._messages(queue)
        with self._lock:
            held = messages.get(message.id)
            if held and held.receipt == message.receipt:
                del messages[message.id]

    def next_visible(self, queue: str) -> datetime | None:
        """Return when the next message becomes visible."""
        return min((s.visible_at for s in [*self._messages(queue).values()]), default=None)

    def _visible(self, queue: str) -> list[Stored]:
        """Return the messages that nobody holds, in the order in which they became visible."""
        now = self._clock.now()
        visible = [s for s in [*self._messages(queue).values()] if s.visible_at <= now]
        return sorted(visible, key=lambda stored: stored.visible_at)

    def _messages(self, queue: str) -> dict[str, Stored]:
        if queue not in self._queues:
            raise NotFound(f"There is no queue {queue}.")
        return self._queues[queue]
