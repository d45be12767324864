"""The awkward profile: what at-least-once delivery may do to a function, drawn from a seed."""

import random
from dataclasses import dataclass

from emulators.functions.errors import WorkerLost

_LOST_DELETE = 0.05
_LOST_INSTANCE = 0.02


@dataclass(frozen=True)
class Faults:
    """Without a die it is benign; with one, messages come shuffled or twice, or lose their
    instance."""

    die: random.Random | None = None

    def shuffled[T](self, items: list[T]) -> list[T]:
        """Return the items in the order in which to handle them."""
        return items if self.die is None else self.die.sample(items, len(items))

    def loses_delete(self) -> bool:
        """Tell whether a handled message survives its deletion and is redelivered."""
        return self.die is not None and self.die.random() < _LOST_DELETE

    def maybe_fail(self) -> None:
        """Raise WorkerLost now and then, as if the instance had ended before the function began."""
        if self.die is not None and self.die.random() < _LOST_INSTANCE:
            raise WorkerLost("the awkward profile took the instance away")
