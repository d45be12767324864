"""The system's clock and its source of random numbers."""

import secrets
from datetime import UTC, datetime


class SystemClock:
    """Real time and real random numbers."""

    def now(self) -> datetime:
        """Return the time, UTC."""
        return datetime.now(UTC)

    def token(self) -> str:
        """Return 16 random hexadecimal digits."""
        return secrets.token_hex(8)
