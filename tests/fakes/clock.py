"""A clock that only a test moves, and tokens that count up."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 10, tzinfo=UTC)


class FakeClock:
    """Time and tokens as a test decides them."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._tokens = 0

    def now(self) -> datetime:
        return self._now

    def token(self) -> str:
        self._tokens += 1
        return f"{self._tokens:016x}"

    def advance(self, step: timedelta | None = None, **units: float) -> datetime:
        """Move on by a timedelta, or by its keyword arguments: `advance(minutes=5)`."""
        self._now += step if step is not None else timedelta(**units)
        return self._now


class SlowClock:
    """A clock that goes on at each look at it, as if the engine took time for what it does."""

    def __init__(self, clock: FakeClock, per_look: timedelta) -> None:
        self._clock, self.per_look = clock, per_look

    def now(self) -> datetime:
        return self._clock.advance(self.per_look)

    def token(self) -> str:
        return self._clock.token()
