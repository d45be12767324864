"""Reads the completion events of a queue: a look that leaves them there, or taking them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.cli.subscribing.heard import Heard, Unreadable, heard
from pipeline.errors import NotFound, Transient
from pipeline.ports.queues import MAX_PEEKED, QueueMessage, Queues

_POLL_S = 1.0
_PATIENCE = 10  # polls in a row that may fail

type Show = Callable[[Heard | Unreadable], None]


@dataclass
class Reader:
    """Shows what is in a queue; `take` deletes each event after it was shown."""

    queues: Queues
    queue: str
    show: Show
    take: bool
    _there: set[str] = field(default_factory=set)  # the messages that the last look found

    def look(self, limit: int) -> int:
        """Show up to `limit` messages that the last look did not find; return how many."""
        found = self._take(limit) if self.take else self._new(limit)
        return sum(1 for _ in found)

    @property
    def full(self) -> bool:
        """Whether the last look found as many messages as it can, and cannot see behind them."""
        return len(self._there) >= MAX_PEEKED

    def _take(self, limit: int) -> Iterator[QueueMessage]:
        """Delete what was shown; what is no event stays, for whoever sent it there."""
        for message in self.queues.receive(self.queue, limit):
            said = heard(message.body)
            self.show(said)
            if isinstance(said, Heard):
                self.queues.delete(self.queue, message)
            yield message

    def _new(self, limit: int) -> Iterator[QueueMessage]:
        messages = self.queues.peek(self.queue, limit)
        before, self._there = self._there, {message.id for message in messages}
        for message in messages:
            if message.id not in before:
                self.show(heard(message.body))
                yield message


def read(session: Session, reader: Reader, limit: int) -> int:
    """Show up to `limit` messages; return how many. Raises CommandError without the queue."""
    try:
        return reader.look(limit)
    except NotFound as error:
        command = session.addressed(f"fanfare subscribe --queue {reader.queue}")
        raise CommandError(
            f"There is no queue {reader.queue}: `{command}` makes one that gets completion events."
        ) from error


def follow(session: Session, reader: Reader) -> None:
    """Show messages as they come, until Ctrl-C.

    Raises CommandError when a look cannot see further, and Transient when the queue is away.
    """
    session.note(f"Waiting for events in the queue {reader.queue}. Ctrl-C ends it.")
    failures = 0
    while True:
        try:
            read(session, reader, MAX_PEEKED)
            failures = 0
        except Transient:
            failures += 1
            if failures >= _PATIENCE:
                raise
        if reader.full:
            raise CommandError(_no_further(reader.queue), Exit.FAILED)
        session.sleep(_POLL_S)


def _no_further(queue: str) -> str:
    return (
        f"{MAX_PEEKED} events wait in the queue {queue}, and a look sees no more than these. Take "
        "them with --take, which deletes what it shows; or follow a queue of your own: `fanfare "
        "subscribe --queue NAME`, then `fanfare events --queue NAME --follow --take`."
    )
