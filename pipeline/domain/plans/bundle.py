"""Bundles items into tasks by count, and tasks into the pages of a plan."""

import itertools
from collections.abc import Iterable, Iterator

from pipeline.domain.plans.split import PlanError

PAGE_SIZE = 100  # tasks that Batch accepts in one call


def bundles[T](items: Iterable[T], per_task: int) -> Iterator[tuple[T, ...]]:
    """Put `per_task` neighbouring items into each task; the last task takes the rest."""
    if per_task < 1:
        raise PlanError(f"a bundle has {per_task} items; it must have at least 1")
    return itertools.batched(items, per_task, strict=False)


def pages[T](tasks: Iterable[T], size: int = PAGE_SIZE) -> Iterator[tuple[T, ...]]:
    """Cut the tasks of a plan into pages."""
    return itertools.batched(tasks, size, strict=False)
