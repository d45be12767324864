"""Faults on purpose: which deliveries are lost, doubled or late, drawn from a seed."""

import random
from collections import Counter
from dataclasses import asdict, dataclass, replace

_MOST_DELAY_S = 86_400


@dataclass(frozen=True)
class Faults:
    """Shares from 0 to 1 and the longest delay; with zeros everywhere the service behaves."""

    duplicate: float = 0.0
    delay: float = 0.0
    max_delay_s: float = 1.0
    lose: float = 0.0
    reorder: bool = False

    def changed(self, wanted: dict[str, object]) -> "Faults":
        """Return a copy of these faults with some new values; raises ValueError."""
        known = asdict(self)
        for name, value in wanted.items():
            if name not in known or not isinstance(value, int | float):
                raise ValueError(f"{name}={value!r} is not a fault; known are {', '.join(known)}.")
            most = _MOST_DELAY_S if name == "max_delay_s" else 1
            if not 0 <= value <= most:
                raise ValueError(f"{name}={value!r} has to be a number from 0 to {most}.")
        values = {name: type(known[name])(value) for name, value in wanted.items()}
        return replace(self, **values)


BENIGN = Faults()
AWKWARD = Faults(duplicate=0.1, delay=0.3, max_delay_s=1.0, lose=0.02, reorder=True)


@dataclass(frozen=True)
class Fate:
    """What the draw decided for one delivery."""

    lost: bool = False
    copies: int = 1
    delay_s: float = 0.0


class FaultDice:
    """Draws the same fate for the n-th event of a subscription whenever the seed is the same."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.faults = faults
        self._seed = seed
        self._drawn: Counter[str] = Counter()

    def fate(self, subscription: str, losable: bool) -> Fate:
        """Draw for the next event of a subscription; only an event that a sweep can find may be
        lost."""
        self._drawn[subscription] += 1
        dice = self._dice(f"{subscription}:{self._drawn[subscription]}")
        lose, duplicate, delay, length = (dice.random() for _ in range(4))
        faults = self.faults
        return Fate(
            lost=losable and lose < faults.lose,
            copies=2 if duplicate < faults.duplicate else 1,
            delay_s=length * faults.max_delay_s if delay < faults.delay else 0.0,
        )

    def shuffled[T](self, items: list[T]) -> list[T]:
        """Return the items in another order if reordering is on."""
        if not self.faults.reorder:
            return items
        self._drawn["shuffle"] += 1
        return self._dice(f"shuffle:{self._drawn['shuffle']}").sample(items, len(items))

    def jitter(self) -> float:
        """Draw from 0 to 1 for the retry schedule."""
        self._drawn["jitter"] += 1
        return self._dice(f"jitter:{self._drawn['jitter']}").random()

    def _dice(self, name: str) -> random.Random:
        return random.Random(f"{self._seed}:{name}")  # noqa: S311  # reproducible, not secret
