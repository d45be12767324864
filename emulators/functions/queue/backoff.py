"""How long to wait between two empty polls: random and exponential."""

import random
from dataclasses import dataclass, field

_STEP_S = 0.1
_JITTER = 0.2
_MOST_DOUBLINGS = 30


@dataclass
class PollBackoff:
    """Waits 0.1 s, then 0.1 s more than a step that doubles with jitter, up to the maximum.

    Any message resets it.
    """

    maximum_s: float
    chance: random.Random = field(default_factory=random.Random)
    _empty_polls: int = 0

    def reset(self) -> None:
        """Poll eagerly again, because a message came."""
        self._empty_polls = 0

    def next_delay(self) -> float:
        """Return the wait after one more empty poll, in seconds."""
        self._empty_polls += 1
        if self._empty_polls == 1:
            return _STEP_S
        doublings = min(self._empty_polls - 2, _MOST_DOUBLINGS)
        jitter = self.chance.uniform(1 - _JITTER, 1 + _JITTER)
        return min(_STEP_S + _STEP_S * 2.0**doublings * jitter, self.maximum_s)
