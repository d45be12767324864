"""The emulator's time: the machine's own, shifted by what an administrator asked for."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Tell the time; `advance` moves it forward for tests of long limits."""

    def __init__(self) -> None:
        self._shift = timedelta()

    def now(self) -> datetime:
        """Return the current moment in UTC."""
        return datetime.now(UTC) + self._shift

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        self._shift += by
