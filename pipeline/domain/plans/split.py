"""Splits a run's work into items with the built-in splits.

Pure: nothing is read here, and the same arguments yield the same items in the same order. Items
come one by one, since a million at once do not fit a function instance. An error that is known in
advance is raised before the first item, every other one where it occurs.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import Permanent

Scalar = str | int | float | bool
Span = tuple[int, int]  # places in a file: the first byte, and the one after the last

MAX_ITEMS = 1_000_000


class PlanError(Permanent):
    """The run's work cannot be planned."""


@dataclass(frozen=True, slots=True)
class Item:
    """The smallest unit of work; an item without inputs of its own works on the run's input.

    `spans` is the part of the run's input that the item gets as a file. `end` is where a split of
    the input goes on after it.
    """

    id: int
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    end: int = field(default=0, compare=False)


def split_whole() -> Iterator[Item]:
    """Make one item that works on the run's input as it is."""
    return iter([Item(0)])


def split_range(start: int, stop: int, step: int, *, after: int = 0) -> Iterator[Item]:
    """Cut the numbers from start up to (not including) stop into items of `step` numbers.

    `after` items were made before; all splits go on in this way.
    """
    if step < 1:
        raise PlanError(f"the step of a range is {step}; it must be at least 1")
    if stop <= start:
        raise PlanError(f"the range from {start} to {stop} is empty: there is nothing to do")
    check_count(-(-(stop - start) // step))
    return (
        Item(index, {"start": first, "end": min(first + step, stop), "index": index})
        for index, first in enumerate(range(start, stop, step)[after:], after)
    )


def split_grid(axes: Mapping[str, Sequence[Scalar]], *, after: int = 0) -> Iterator[Item]:
    """Combine every value of every axis; the last axis varies fastest."""
    count = math.prod(len(values) for values in axes.values())
    check_count(count)
    items = (Item(number, _combination(axes, number)) for number in range(after, count))
    return some(items, "an axis of the grid has no values: there is nothing to do", after=after)


def _combination(axes: Mapping[str, Sequence[Scalar]], number: int) -> dict[str, Scalar]:
    """Return the values of one item: its number, in the mixed radix of the axes."""
    chosen: list[Scalar] = []
    for values in reversed(list(axes.values())):
        number, index = divmod(number, len(values))
        chosen.append(values[index])
    return dict(zip(axes, reversed(chosen), strict=True))


def some[T](items: Iterable[T], none: str, *, after: int = 0) -> Iterator[T]:
    """Pass items on. Raises PlanError if there are none, or too many."""
    number = after - 1
    for number, item in enumerate(items, after):
        if number == MAX_ITEMS:
            raise PlanError(
                f"the split yields more than {MAX_ITEMS:,} items: make the items larger"
            )
        yield item
    if number < 0:
        raise PlanError(none)


def check_count(count: int) -> None:
    """Raise PlanError for more items than a run may have."""
    if count > MAX_ITEMS:
        raise PlanError(
            f"the split yields {count:,} items; at most {MAX_ITEMS:,} are allowed: "
            "make the items larger"
        )
