"""How long to wait between two empty polls: random and exponential."""

import random
from dataclasses import dataclass, field

_FIRST_S = 0.1
_JITTER = 0.2


@dataclass
class PollBackoff:
    """Grows from a tenth of a second to the maximum; any message resets it."""

    maximum_s: float
    chance: random.Random = field(default_factory=random.Random)
    _empty_polls: int = 0

    def reset(self) -> None:
        """Poll eagerly again, because a message came."""
        self._empty_polls = 0

    def next_delay(self) -> float:
        """Return the wait after one more empty poll, in seconds."""
        first = min(_FIRST_S, self.maximum_s)
        factor = 2.0 ** min(self._empty_polls, 20) * self.chance.uniform(1 - _JITTER, 1 + _JITTER)
        self._empty_polls += 1
        return max(first, min(first * factor, self.maximum_s))
