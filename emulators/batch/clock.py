"""The emulator's time, and everything that waits for a moment of it.

The clock runs at `speed` emulated seconds a second. At speed 0 it stands still until `advance` or
`jump` moves it. All moments are whole microseconds, so what is due at one is due when it is told.

Every wait of the emulated service (states, limits, intervals) uses this clock, so moving the clock
makes things happen. Real work of this machine does not follow it.
"""

import asyncio
import heapq
import itertools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# After each timer the loop gets this many turns, so that its consequences happen before the next.
_TURNS = 20


def _whole(seconds: float) -> float:
    """Return the nearest moment that is a whole number of microseconds."""
    return round(seconds, 6)


class Timer:
    """One action at a moment, until somebody cancels it."""

    __slots__ = ("act", "due")

    def __init__(self, due: float, act: Callable[[], None]) -> None:
        self.due = due
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """Cancel the action."""
        self.act = None


class Clock:
    """Tells the time and keeps timers; moments are UTC, waits are emulated seconds."""

    def __init__(
        self, speed: float = 1.0, ahead_s: float = 0.0, began: float | None = None
    ) -> None:
        self._speed, self._kept_s = speed, ahead_s
        self._base = _whole((time.time() if began is None else began) + ahead_s)
        self._since = time.monotonic()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None

    def seconds(self) -> float:
        """Return the current moment in seconds since 1970."""
        return _whole(self._base + self._passed())

    def _passed(self) -> float:
        return (time.monotonic() - self._since) * self._speed

    def now(self) -> datetime:
        """Return the current moment in UTC."""
        return _EPOCH + timedelta(seconds=self.seconds())

    def ahead_s(self) -> float:
        """Return how many seconds it is ahead of the machine's own time."""
        return self.seconds() - time.time()

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Return where the store keeps its lead over the machine's time, so that a restart never
        goes back."""
        return ("clock", "", "")

    def record(self) -> str:
        """Return the lead as text for the store."""
        self._kept_s = self.ahead_s()
        return json.dumps({"ahead_s": self._kept_s})

    def has_moved(self) -> bool:
        """Tell whether the stored lead is wrong by more than a second."""
        return abs(self.ahead_s() - self._kept_s) > 1.0

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Call `act` once so many emulated seconds have passed, in a later turn of the loop at the
        earliest."""
        return self._timer(_whole(self.seconds() + max(0.0, seconds)), act)

    def at(self, moment: datetime, act: Callable[[], None]) -> Timer:
        """Call `act` at a moment, or in a later turn of the loop if it is over; never before it."""
        return self._timer(max(self.seconds(), (moment - _EPOCH).total_seconds()), act)

    def _timer(self, due: float, act: Callable[[], None]) -> Timer:
        timer = Timer(due, act)
        heapq.heappush(self._timers, (timer.due, next(self._numbers), timer))
        if self._timers[0][2] is timer:
            self._set_alarm()
        return timer

    async def sleep(self, seconds: float) -> None:
        """Wait for some emulated seconds."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.after(seconds, lambda: None if over.done() else over.set_result(None))
        try:
            await over
        finally:
            timer.cancel()

    def next_due(self) -> float | None:
        """Return when the next timer strikes, in seconds since 1970."""
        while self._timers and self._timers[0][2].act is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def jump(self, moment: float) -> None:
        """Move to a later moment and run what is due by then; ignore an earlier moment."""
        if moment > self.seconds():
            self._base = moment - self._passed()
        self._strike()

    async def advance(self, by: timedelta) -> None:
        """Move forward through every timer on the way; each sees the time at which it was due."""
        target = _whole(self.seconds() + by.total_seconds())
        while (due := self.next_due()) is not None and due <= target:
            self.jump(due)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        self.jump(target)

    def _strike(self) -> None:
        now = self.seconds()
        while (due := self.next_due()) is not None and due <= now:
            act = heapq.heappop(self._timers)[2].act
            if act is not None:
                act()
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self.next_due()
        if due is not None and self._speed > 0:
            delay = max(0.0, due - self.seconds()) / self._speed
            self._alarm = asyncio.get_running_loop().call_later(delay, self._strike)
