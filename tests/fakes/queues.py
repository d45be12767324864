"""Storage queues in memory; visibility follows the fake clock."""

import base64
import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.adapters import limits
from pipeline.domain.runs.messages import RETIRED, Queue, poison_of
from pipeline.errors import NotFound
from pipeline.ports.queues import QueueMessage
from tests.fakes.clock import FakeClock

HIDDEN = timedelta(minutes=5)


@dataclass
class Stored:
    """A message as the queue keeps it."""

    id: str
    body: str
    visible_at: datetime
    receipt: str = ""
    dequeue_count: int = 0


class FakeQueues:
    """Queues by name; those of the app, of release 0.1.0, and their poison queues exist."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._queues: dict[str, dict[str, Stored]] = {
            name: {} for queue in (*Queue, *RETIRED) for name in (queue, poison_of(queue))
        }

    def send(self, queue: str, body: str, delay: timedelta = timedelta()) -> QueueMessage:
        limits.check_message(base64.b64encode(body.encode()).decode())
        number = next(self._numbers)
        stored = Stored(f"m{number}", body, self._clock.now() + delay, f"sent-{number}")
        self._messages(queue)[stored.id] = stored
        return QueueMessage(stored.id, body, stored.receipt, 0)

    def receive(self, queue: str, limit: int) -> list[QueueMessage]:
        return self.hand_out(queue, limit, HIDDEN)

    def hand_out(self, queue: str, limit: int, hidden: timedelta) -> list[QueueMessage]:
        """Hide up to `limit` messages for a time, and return them."""
        messages = self._messages(queue)
        if not messages:
            return []
        now = self._clock.now()
        visible = [s for s in messages.values() if s.visible_at <= now]
        taken = sorted(visible, key=lambda stored: stored.visible_at)[:limit]
        for stored in taken:
            stored.visible_at = now + hidden
            stored.receipt = f"receipt-{next(self._numbers)}"
            stored.dequeue_count += 1
        return [QueueMessage(s.id, s.body, s.receipt, s.dequeue_count) for s in taken]

    def delete(self, queue: str, message: QueueMessage) -> None:
        messages = self._messages(queue)
        held = messages.get(message.id)
        if held and held.receipt == message.receipt:
            del messages[message.id]

    def release(self, queue: str, message: QueueMessage, delay: timedelta) -> None:
        """Let a received message be redelivered after a delay."""
        held = self._messages(queue).get(message.id)
        if held and held.receipt == message.receipt:
            held.visible_at = self._clock.now() + delay

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

    def next_visible(self, queue: str) -> datetime | None:
        """Return when the next message becomes visible, for tests that move the clock there."""
        return min((s.visible_at for s in self._messages(queue).values()), default=None)

    def _messages(self, queue: str) -> dict[str, Stored]:
        if queue not in self._queues:
            raise NotFound(f"There is no queue {queue}.")
        return self._queues[queue]
