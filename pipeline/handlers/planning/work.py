"""What a split yields: items with the blobs that only they need, and how nodes cut the input."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.domain.plans.plan import PlannedCut, PlannedInput
from pipeline.domain.plans.split import Item


@dataclass(frozen=True)
class Work:
    """The work of a run, item by item."""

    items: Iterator[tuple[Item, tuple[PlannedInput, ...]]]
    cut: PlannedCut | None = None


def alike(items: Iterable[Item], cut: PlannedCut | None = None) -> Work:
    """Make work of items that all use the run's input."""
    return Work(((item, ()) for item in items), cut)
