"""Splits a run's work into items with the built-in splits, or reads the items of a split program.

Pure: nothing is read here, and the same arguments yield the same items in the same order. Items
come one by one, since a million at once do not fit a function instance. An error that is known in
advance is raised before the first item, every other one where it occurs.
"""

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.domain.notation.json_array import elements
from pipeline.domain.notation.placeholders import NAME, RESERVED
from pipeline.errors import Permanent

Scalar = str | int | float | bool

MAX_ITEMS = 1_000_000
MAX_VALUE = 32_768  # characters of one parameter: it must fit an argument list


class PlanError(Permanent):
    """The run's work cannot be planned."""


@dataclass(frozen=True, slots=True)
class Item:
    """The smallest unit of work; an item without inputs of its own works on the run's input."""

    id: int
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()


def split_blobs(names: Iterable[str]) -> Iterator[Item]:
    """Make one item of each blob, in the order given."""
    items = (Item(number, {}, (name,)) for number, name in enumerate(names))
    return _some(items, "no blob matches the split: there is nothing to do")


def split_whole() -> Iterator[Item]:
    """Make one item that works on the run's input as it is."""
    return iter([Item(0)])


def split_range(start: int, stop: int, step: int) -> Iterator[Item]:
    """Cut the numbers from start up to (not including) stop into items of `step` numbers."""
    if step < 1:
        raise PlanError(f"the step of a range is {step}; it must be at least 1")
    if stop <= start:
        raise PlanError(f"the range from {start} to {stop} is empty: there is nothing to do")
    check_count(-(-(stop - start) // step))
    return (
        Item(index, {"start": first, "end": min(first + step, stop), "index": index})
        for index, first in enumerate(range(start, stop, step))
    )


def split_grid(axes: Mapping[str, Sequence[Scalar]]) -> Iterator[Item]:
    """Combine every value of every axis; the last axis varies fastest."""
    check_count(math.prod(len(values) for values in axes.values()))
    items = (
        Item(number, dict(zip(axes, values, strict=True)))
        for number, values in enumerate(itertools.product(*axes.values()))
    )
    return _some(items, "an axis of the grid has no values: there is nothing to do")


def split_lines(
    text: Iterable[str], *, skip_header: bool = False, lines_per_item: int = 1
) -> Iterator[Item]:
    """Make items of the lines of a text that comes in pieces; empty lines are skipped.

    A single line is the parameter `line`; several are `lines`, joined by newlines.
    """
    if lines_per_item < 1:
        raise PlanError(f"lines_per_item is {lines_per_item}; it must be at least 1")
    found = itertools.islice(_lines_of(text), 1 if skip_header else 0, None)
    lines = (line for line in found if line.strip())
    name = "line" if lines_per_item == 1 else "lines"
    items = (
        Item(number, {name: _lines(group, number)})
        for number, group in enumerate(itertools.batched(lines, lines_per_item, strict=False))
    )
    return _some(items, "the input has no lines: there is nothing to do")


def _lines_of(pieces: Iterable[str]) -> Iterator[str]:
    # Not splitlines(): form feeds and Unicode separators are part of the data.
    held: list[str] = []
    mark = "\ufeff"
    for piece in itertools.chain(pieces, "\n"):
        begun, *more = piece.split("\n")
        held.append(begun)
        if more:
            for line in ("".join(held), *more[:-1]):
                yield line.removeprefix(mark).removesuffix("\r")
                mark = ""
            held = more[-1:]


def _lines(group: Sequence[str], number: int) -> str:
    text = "\n".join(group)
    if len(text) > MAX_VALUE and len(group) > 1:
        raise PlanError(
            f"line group {number} has {len(text):,} characters; an argument holds {MAX_VALUE:,}: "
            "use fewer lines_per_item"
        )
    return _argument(text, f"line group {number}")


def items_from_program(text: str, expected: Sequence[str] = ()) -> Iterator[Item]:
    """Read and check what a split program wrote: `[{"parameters": {...}}, ...]`."""
    items = (
        Item(number, _parameters(entry, f"items.json, item {number}", expected))
        for number, entry in enumerate(_entries(text))
    )
    return _some(items, "items.json is empty: there is nothing to do")


def _entries(text: str) -> Iterator[object]:
    try:
        yield from elements(text)
    except TypeError as error:
        raise PlanError("items.json is not a list") from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"items.json is not JSON: {str(error)[:200]}") from error


def _parameters(entry: object, where: str, expected: Sequence[str]) -> dict[str, Scalar]:
    if not isinstance(entry, dict) or set(entry) - {"parameters"}:
        raise PlanError(f'{where}: expected {{"parameters": {{...}}}}')
    given = entry.get("parameters", {})
    if not isinstance(given, dict):
        raise PlanError(f"{where}: parameters is not an object")
    missing = [name for name in expected if name not in given]
    if missing:
        raise PlanError(f"{where}: parameter {missing[0]} is missing")
    return {_name(name, where): _value(value, f"{where}, {name}") for name, value in given.items()}


def _name(name: str, where: str) -> str:
    if not re.fullmatch(NAME, name, re.ASCII) or name in RESERVED:
        raise PlanError(f"{where}: {name[:60]!r} cannot be a parameter's name")
    return name


def _value(value: object, where: str) -> Scalar:
    if isinstance(value, str):
        return _argument(value, where)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise PlanError(f"{where}: not text, a number, true or false")


def _argument(text: str, where: str) -> str:
    if len(text) > MAX_VALUE:
        raise PlanError(f"{where}: longer than {MAX_VALUE:,} characters")
    if "\0" in text:
        raise PlanError(f"{where}: contains a NUL character, which an argument cannot hold")
    return text


def _some(items: Iterable[Item], none: str) -> Iterator[Item]:
    """Pass items on. Raises PlanError if there are none, or too many."""
    number = -1
    for number, item in enumerate(items):
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
