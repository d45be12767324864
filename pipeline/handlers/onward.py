"""Lets an invocation go on with the steps that it asks for, while a third of its time lasts.

A step that is taken on has its message in the queue all the same, hidden until this invocation can
no longer live. It is deleted when the step is done, so a step is lost with no instance.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipeline.domain.runs.messages import Queue, WorkMessage
from pipeline.ports.queues import QueueMessage, Queues

LONGEST = timedelta(minutes=10)  # that an invocation lives, where nobody set a time limit
_MOST = 4  # steps that one invocation holds at once; others do the rest meanwhile


@dataclass
class LastLook:
    """When this process last looked whether the timer still ticks."""

    at: datetime | None = None


@dataclass(frozen=True)
class Taken:
    """A step that this invocation took on, and its hidden message."""

    message: WorkMessage
    held: QueueMessage


@dataclass
class Onward:
    """The steps that one invocation took on and has not begun yet, in the order of asking.

    `lives` is how long the host lets it live.
    """

    queues: Queues
    lives: timedelta
    _taken: deque[Taken] = field(default_factory=deque)

    def takes(self, message: WorkMessage) -> bool:
        """Take a step on, or return False when there is no room for it."""
        if any(taken.message == message for taken in self._taken):
            return True  # it has not begun, so it does for both
        if len(self._taken) >= _MOST:
            return False
        body = message.model_dump_json(exclude_defaults=True)
        self._taken.append(Taken(message, self.queues.send(Queue.WORK, body, self.lives)))
        return True

    @property
    def holds(self) -> bool:
        """Whether a step waits for this invocation, which others cannot see."""
        return bool(self._taken)

    def next(self) -> Taken | None:
        """Return the step that was asked for first, and forget it."""
        return self._taken.popleft() if self._taken else None

    def done(self, taken: Taken) -> None:
        """Delete the message of a step that is done or was asked for anew."""
        self.queues.delete(Queue.WORK, taken.held)
