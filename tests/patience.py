"""How long tests wait. Limits are written for two quiet cores; they stretch with the machine.

Everything in the tests that waits asks here how much slower the machine is at the moment: `until`
and `Limit` while they wait, `stretched` for a call that takes a number of seconds, and the limit of
pytest itself (see conftest.py).
"""

import time
from collections.abc import Callable

LIMIT_S = 90.0
_STEPS = 300_000
_STEPS_S = 0.008  # what the steps take on a quiet core
_FRESH_S = 2.0
_FIRST_LOOKS = 5
_SHORT_S, _LONG_S = 0.01, 0.25  # between two looks


class _Machine:
    """Does a fixed piece of work now and then, and compares how long it took."""

    def __init__(self) -> None:
        self._slowness, self._measured_at = 0.0, float("-inf")

    def slowness(self) -> float:
        """Return how many times longer than on a quiet core work takes; at least 1."""
        if not self._slowness:
            self._slowness = sum(_measured() for _ in range(_FIRST_LOOKS)) / _FIRST_LOOKS
        elif time.monotonic() - self._measured_at > _FRESH_S:
            self._slowness = (self._slowness + _measured()) / 2
        self._measured_at = time.monotonic()
        return self._slowness


def _measured() -> float:
    began = time.monotonic()
    for _ in range(_STEPS):
        pass
    return max(1.0, (time.monotonic() - began) / _STEPS_S)


slowness = _Machine().slowness


def stretched(seconds: float) -> float:
    """Return the time that something gets now, of which a quiet machine needs far less."""
    return seconds * slowness()


class Limit:
    """A time of a quiet machine; on a slower one it passes more slowly."""

    def __init__(self, seconds: float) -> None:
        self._left, self._looked_at = seconds, time.monotonic()

    def passed(self) -> bool:
        """Count the time since the last look, and say whether the limit is reached."""
        slow, now = slowness(), time.monotonic()
        self._left -= (now - self._looked_at) / slow
        self._looked_at = now
        return self._left <= 0


def until[T](
    look: Callable[[], T | None],
    limit_s: float = LIMIT_S,
    what: str = "it",
    tell: Callable[[], str] = lambda: "",
    *,
    closely: bool = False,
) -> T:
    """Look until there is something, and return it; otherwise the test fails and says what lacks.

    The pauses grow with the wait, because whoever waits long need not look often; `closely` is for
    what may be gone again soon.
    """
    limit, began = Limit(limit_s), time.monotonic()
    while not (found := look()):
        assert not limit.passed(), f"{what} did not happen in {limit_s} quiet seconds. {tell()}"
        grown = 0.0 if closely else (time.monotonic() - began) / 10
        time.sleep(min(max(_SHORT_S, grown), _LONG_S))
    return found
