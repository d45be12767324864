"""What a split yields, item by item, each with the bookmark from which it goes on after it.

A bookmark is all that another invocation needs to go on without reading everything again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pipeline.domain.plans.plan import PlannedCut, PlannedInput
from pipeline.domain.plans.split import Item
from pipeline.domain.runs.stored import Stored


class Bookmark(Stored):
    """Where a split goes on: the number of the next item, and whatever its kind needs.

    `at` is a byte of the input, or a page of the last plan. `marker` and `name` are the page of a
    listing and the last blob taken of it; before that the blobs are `counted`.
    """

    item: int = 0
    at: int = 0
    marker: str = ""
    name: str = ""
    counted: bool = False


type Fetch = Callable[[], tuple[PlannedInput, ...]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One step of a split: perhaps an item with the blobs that only it needs, and where to go on.

    `fetch` returns these blobs later, and may run in another thread: it pins them.
    """

    after: Bookmark
    item: Item | None = None
    own: tuple[PlannedInput, ...] = ()
    fetch: Fetch | None = None


@dataclass(frozen=True)
class Work:
    """The work of a run, from a bookmark on."""

    drawn: Iterator[Drawn]
    cut: PlannedCut | None = None


def alike(items: Iterable[Item], cut: PlannedCut | None = None) -> Work:
    """Make work of items that all use the run's input."""
    return Work((Drawn(Bookmark(item=item.id + 1, at=item.end), item) for item in items), cut)
