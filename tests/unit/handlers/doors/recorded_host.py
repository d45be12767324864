"""The Functions host as it was recorded: it hides, settles, releases and poisons, and it dies.

`FakeApp` handles one message after the other. This app takes batches as `host.json` says, and has
the disturbances that Azure has: an error that ends the host, a receive that is cut, functions that
are cancelled, a worker that dies. Recorded facts: tests/emulators/functions/golden.
"""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.domain.runs.messages import poison_of
from pipeline.errors import FanfareError
from pipeline.ports.queues import QueueMessage
from tests.fakes.app import FakeApp
from tests.fakes.crash import Crash, Injector

HIDDEN = timedelta(minutes=10)
_HOST_JSON = Path(__file__).resolve().parents[4] / "host.json"


class Trouble(StrEnum):
    """What may happen to the host at a queue."""

    RECEIVE_DENIED = "a receive is answered with 403, and the host dies"
    RECEIVE_CUT = "the host stops while storage has handed out messages"
    SETTLE_DENIED = "the deletion of a message is answered with 403, and the host dies"
    CANCELLED = "the host stops, and the function in hand is cancelled"
    WORKER_DIES = "the worker dies: all messages in hand have failed"


class HostDied(Exception):
    """The host process ended; what it had in hand stays hidden."""


class HostedApp(FakeApp):
    """A fake app whose host is that of Azure.

    `ahead` counts the troubles to come by queue; `spared` counts how often they pass by before.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ahead: Counter[tuple[Trouble, str]] = Counter()
        self.spared: Counter[tuple[Trouble, str]] = Counter()
        self.deaths = 0
        self.guilty: Callable[[str], bool] = lambda _: False
        """Whether a message's body makes its function end the worker."""

    def _drain(self, queue: str) -> int:
        handled = 0
        try:
            while count := self._serve(queue):
                handled += count
        except HostDied:
            self.deaths += 1
        return handled

    def _meet(self, trouble: Trouble, queue: str) -> bool:
        if not self.ahead[trouble, queue]:
            return False
        if self.spared[trouble, queue]:
            self.spared[trouble, queue] -= 1
            return False
        self.ahead[trouble, queue] -= 1
        return True

    def _serve(self, name: str) -> int:
        """Take one batch and settle it; raises HostDied."""
        options, queues = queue_options(), self.world.queues
        if queues.next_visible(name) is None:
            return 0
        if self._meet(Trouble.RECEIVE_DENIED, name):
            raise HostDied
        batch = queues.hand_out(name, options["batchSize"], HIDDEN)
        if batch and self._meet(Trouble.RECEIVE_CUT, name):
            raise HostDied
        for place, message in enumerate(batch):
            if not self._invoke(name, message):
                for other in batch[place:]:  # they were in hand of the same worker
                    self._fail(name, other)
                break
        return len(batch)

    def _invoke(self, name: str, message: QueueMessage) -> bool:
        """Run the function of a message, and settle it; return whether its worker lives."""
        if message.dequeue_count > queue_options()["maxDequeueCount"]:
            self._give_up(name, message)
            return True
        if self.guilty(message.body) or self._meet(Trouble.WORKER_DIES, name):
            return False
        if self._meet(Trouble.CANCELLED, name):
            self._run_cancelled(name, message)
            raise HostDied
        try:
            self.invoke(name, message)
        except FanfareError:
            self._fail(name, message)
            return True
        if self._meet(Trouble.SETTLE_DENIED, name):
            raise HostDied
        self.world.queues.delete(name, message)
        return True

    def _run_cancelled(self, name: str, message: QueueMessage) -> None:
        """Run a function whose third call of a service is its last one."""
        ports = self.engine.ports
        self.through(Injector(3, "after").ports(ports))
        try:
            self.invoke(name, message)
        except Crash:
            pass
        finally:
            self.through(ports)

    def _fail(self, name: str, message: QueueMessage) -> None:
        options = queue_options()
        if message.dequeue_count >= options["maxDequeueCount"]:
            self._give_up(name, message)
        else:
            self.world.queues.release(name, message, options["visibilityTimeout"])

    def _give_up(self, name: str, message: QueueMessage) -> None:
        self.world.queues.send(poison_of(name), message.body)
        self.world.queues.delete(name, message)


@cache
def queue_options() -> dict[str, Any]:
    """Return `extensions.queues` of host.json."""
    options = json.loads(_HOST_JSON.read_text("utf-8"))["extensions"]["queues"]
    hours, minutes, seconds = map(int, options["visibilityTimeout"].split(":"))
    hidden = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return options | {"visibilityTimeout": hidden}
