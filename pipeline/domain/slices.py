"""A slice: the time that one invocation may spend on a step before it sends the step on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

SHARE = 3  # a slice takes a third of an invocation's limit, so that its last call ends in time


@dataclass(frozen=True)
class Slice:
    """The time of one invocation; without an end it never ends."""

    ends: datetime | None = None

    @classmethod
    def begun(cls, now: datetime, limit: timedelta | None) -> Self:
        """Return the slice of an invocation that begins now and has a time limit, or none."""
        return cls(now + limit / SHARE if limit else None)

    def is_over(self, now: datetime) -> bool:
        """Return whether the invocation should send its step on."""
        return self.ends is not None and now >= self.ends


ENDLESS = Slice()  # as at a command line
