"""Bundles items into tasks by count, and tasks into the pages of a plan."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.domain.split import Item, PlanError

PAGE_SIZE = 100  # what Batch takes in one call
MAX_TASKS = 1_000_000  # task numbers have six digits


@dataclass(frozen=True, slots=True)
class Task:
    """One Batch task: its number within the run and the items that it carries."""

    number: int
    items: tuple[Item, ...]


def bundle(items: Sequence[Item], per_task: int) -> list[Task]:
    """Put `per_task` neighbouring items into each task; the last one takes what is left."""
    if per_task < 1:
        raise PlanError(f"a bundle of {per_task} items carries nothing")
    groups = itertools.batched(items, per_task, strict=False)
    tasks = [Task(number, group) for number, group in enumerate(groups)]
    if len(tasks) > MAX_TASKS:
        raise PlanError(f"{len(tasks):,} tasks are too many: bundle more items into each")
    return tasks


def pages[T](tasks: Sequence[T], size: int = PAGE_SIZE) -> list[tuple[T, ...]]:
    """Cut the tasks of a plan into pages."""
    return list(itertools.batched(tasks, size, strict=False))
