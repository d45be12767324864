"""A clock that only a test moves, or each look at it, and tokens that count up."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 10, tzinfo=UTC)


class FakeClock:
    """Time and tokens as a test decides them."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._tokens = 0
        self.per_look = timedelta()

    def now(self) -> datetime:
        self._now += self.per_look
        return self._now

    def token(self) -> str:
        self._tokens += 1
        return f"{self._tokens:016x}"

    def advance(self, step: timedelta | None = None, **units: float) -> datetime:
        """Move on by a timedelta, or by its keyword arguments: `advance(minutes=5)`."""
        self._now += step if step is not None else timedelta(**units)
        return self._now
