"""An event loop whose clock jumps when nothing is left to do: hours of waiting pass at once."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta


class _Jump(selectors.SelectSelector):
    """Waits for nothing: it moves the clock by the time that it was asked to wait."""

    now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if ready:
            return ready
        assert timeout is not None, "Nothing is left to happen, and something still waits for it."
        self.now += max(timeout, 0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.clock = _Jump()
        super().__init__(self.clock)

    def time(self):
        return self.clock.now


def run[T](main: Coroutine[None, None, T]) -> T:
    """Run a coroutine in virtual time, beginning at 0."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def seconds() -> float:
    """Return the virtual seconds since the beginning."""
    return asyncio.get_running_loop().time()


def from_moment(beginning: str | datetime):
    """Return a wall clock that shows `beginning` (UTC) when the loop begins."""
    start = datetime.fromisoformat(beginning) if isinstance(beginning, str) else beginning
    start = start if start.tzinfo else start.replace(tzinfo=UTC)

    def now() -> datetime:
        try:
            return start + timedelta(seconds=seconds())
        except RuntimeError:  # No loop runs yet.
            return start

    return now
