"""Splits a run's work into items with the built-in splits, or reads the items of a split program.

Pure: nothing is read here, and the same arguments yield the same items in the same order.
"""

import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from pipeline.domain.placeholders import NAME, RESERVED
from pipeline.errors import Permanent

Scalar = str | int | float | bool

MAX_ITEMS = 1_000_000
MAX_VALUE = 32_768  # characters of one parameter: it has to fit an argument list


class PlanError(Permanent):
    """The run's work cannot be planned."""


@dataclass(frozen=True, slots=True)
class Item:
    """The smallest unit of work; without inputs of its own it works on the run's input."""

    id: int
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()


def split_blobs(names: Iterable[str]) -> list[Item]:
    """Make one item of each blob, in the order given."""
    items = [Item(number, {}, (name,)) for number, name in enumerate(_bounded(names))]
    if not items:
        raise PlanError("no blob matches the split: there is nothing to do")
    return items


def split_whole() -> list[Item]:
    """Make one item that works on the run's input as it is."""
    return [Item(0)]


def split_range(start: int, stop: int, step: int) -> list[Item]:
    """Cut the numbers from start up to (not including) stop into items of `step` numbers."""
    if step < 1:
        raise PlanError(f"the step of a range is {step}; it has to be at least 1")
    if stop <= start:
        raise PlanError(f"the range from {start} to {stop} is empty: there is nothing to do")
    _check_count(-(-(stop - start) // step))
    return [
        Item(index, {"start": first, "end": min(first + step, stop), "index": index})
        for index, first in enumerate(range(start, stop, step))
    ]


def split_frames(frame_count: int, step: int) -> list[Item]:
    """Cut a video of `frame_count` frames into items of `step` frames; `end` is not included."""
    if frame_count < 1:
        raise PlanError("the video has no frames: there is nothing to do")
    return split_range(0, frame_count, step)


def split_grid(axes: Mapping[str, Sequence[Scalar]]) -> list[Item]:
    """Combine every value of every axis; the last axis varies fastest."""
    _check_count(math.prod(len(values) for values in axes.values()))
    combinations = itertools.product(*axes.values())
    items = [
        Item(number, dict(zip(axes, values, strict=True)))
        for number, values in enumerate(combinations)
    ]
    if not items:
        raise PlanError("an axis of the grid has no values: there is nothing to do")
    return items


def split_lines(text: str, *, skip_header: bool = False, lines_per_item: int = 1) -> list[Item]:
    """Make items of a text's lines; empty lines count for nothing.

    A single line is the parameter `line`; several are `lines`, joined by newlines.
    """
    if lines_per_item < 1:
        raise PlanError(f"lines_per_item is {lines_per_item}; it has to be at least 1")
    # Not splitlines(): form feeds and Unicode separators belong to the data.
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    lines = [line for line in lines[1 if skip_header else 0 :] if line.strip()]
    if not lines:
        raise PlanError("the input has no lines: there is nothing to do")
    _check_count(-(-len(lines) // lines_per_item))
    name = "line" if lines_per_item == 1 else "lines"
    return [
        Item(number, {name: _lines(group, number)})
        for number, group in enumerate(itertools.batched(lines, lines_per_item, strict=False))
    ]


def _lines(group: Sequence[str], number: int) -> str:
    text = "\n".join(group)
    if len(text) > MAX_VALUE and len(group) > 1:
        raise PlanError(
            f"line group {number} has {len(text):,} characters; an argument holds {MAX_VALUE:,}: "
            "use fewer lines_per_item"
        )
    return _argument(text, f"line group {number}")


def items_from_program(text: str, expected: Sequence[str] = ()) -> list[Item]:
    """Read what a split program wrote: `[{"parameters": {...}}, ...]`, trusting none of it."""
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"items.json is not JSON: {str(error)[:200]}") from error
    if not isinstance(found, list):
        raise PlanError("items.json is not a list")
    if not found:
        raise PlanError("items.json is empty: there is nothing to do")
    _check_count(len(found))
    return [
        Item(number, _parameters(entry, f"items.json, item {number}", expected))
        for number, entry in enumerate(found)
    ]


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
        raise PlanError(f"{where}: contains a NUL character, which no program can be given")
    return text


def _bounded(names: Iterable[str]) -> list[str]:
    found = list(itertools.islice(names, MAX_ITEMS + 1))
    if len(found) > MAX_ITEMS:
        raise PlanError(f"more than {MAX_ITEMS:,} blobs match the split")
    return found


def _check_count(count: int) -> None:
    if count > MAX_ITEMS:
        raise PlanError(
            f"the split yields {count:,} items; at most {MAX_ITEMS:,} are possible: "
            "make the items larger"
        )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
