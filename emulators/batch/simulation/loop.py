"""An event loop that calls a function when it has nothing left to do."""

import asyncio
import selectors
from collections.abc import Callable


class IdleLoop(asyncio.SelectorEventLoop):
    """Calls `idle` instead of waiting; it waits only if that returns False."""

    def __init__(self) -> None:
        self._asker = _Asker()
        super().__init__(self._asker)

    def when_idle(self, idle: Callable[[], bool] | None) -> None:
        """Set the function to call; with None the loop waits as any loop does."""
        self._asker.idle = idle


class _Asker(selectors.DefaultSelector):
    idle: Callable[[], bool] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.idle is None or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        ready = super().select(0)
        # What `idle` starts runs in this same turn.
        return ready if ready or self.idle() else super().select(timeout)
