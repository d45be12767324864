"""Gathers the results of all items over all generations, and compares them with Storage."""

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from pipeline.domain.notation.prefixes import shared_prefix
from pipeline.domain.outputs.item_ends import ItemEnds
from pipeline.domain.outputs.item_index import ItemState, Unwritten
from pipeline.domain.outputs.parts import Part, Parts
from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.naming import BlobRef, Generation
from pipeline.domain.runs.results import (
    Devices,
    ItemOutcome,
    ItemResult,
    TaskResult,
    TaskSeconds,
    TaskState,
)
from pipeline.domain.runs.run import PublishedPlan, Run
from pipeline.errors import Permanent
from pipeline.handlers import published
from pipeline.handlers.collecting.reading import Items, all_items
from pipeline.handlers.engine import Engine
from pipeline.handlers.running import confirming
from pipeline.handlers.running.confirming import BatchWord
from pipeline.ledger import tasks

MOST = 10_000  # tasks of one kind that are noted
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

type Rejected = tuple[TaskResult, str]


@dataclass
class Gathered:
    """The results of a run's items; there may be a million.

    Of the present generation, `heard` counts the units that have a row, `devices` what they ran on,
    `seconds` is the sum over its tasks, `task_seconds` what they were for, and `index` how its
    items ended. `lost` holds those with missing outputs, `rejected` those whose receipt Batch
    contradicts, with its words, and `unfinished` the last one with a receipt that Batch has not
    completed. Of the lost and of the rejected there are at most 10,000: once some are handled, the
    others are found again.
    """

    ends: ItemEnds = field(default_factory=ItemEnds)
    parts: Parts = field(default_factory=Parts)
    retrying: bool = False
    index: Unwritten = field(default_factory=Unwritten)
    lost: list[TaskResult] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unfinished: list[TaskResult] = field(default_factory=list)
    devices: Devices = field(default_factory=Devices)
    heard: int = 0
    seconds: float = 0.0
    task_seconds: TaskSeconds = field(default_factory=TaskSeconds)


def gather(engine: Engine, run: Run, word: BatchWord | None = None) -> Gathered:
    """Read the results of every generation; a later failure never replaces a success.

    With `word` the receipts of the present generation are compared with it. It takes as long as it
    takes: `gathering` does it in slices.
    """
    gathered = Gathered(devices=Devices(run.devices))
    for generation, _ in generations(run):
        for _ in taken(engine, run, word, gathered, Place(generation)):
            pass
    return gathered


@dataclass(frozen=True)
class Place:
    """A task of a generation, by its number."""

    generation: int = 0
    task: int = 0


def taken(
    engine: Engine, run: Run, word: BatchWord | None, gathered: Gathered, since: Place
) -> Generator[Place]:
    """Take the results of a generation from a task on; after each, yield the place of the next."""
    present = since.generation == run.generation
    plan = next(plan for number, plan in generations(run) if number == since.generation)
    names, planned = Generation(run.id, since.generation), published.PlannedItems(engine, plan)
    for numbers in _ranges(since.task, plan.tasks):
        if present and plan.bundle:  # else each page is read for its items
            planned.check_pages(numbers)
        uploaded = _Uploaded(engine, names, numbers)
        results = tasks.results(engine.ports.tables, run.id, since.generation, numbers)
        for result, read in all_items(engine, planned, results):
            why = word.contradicts(result) if word and present else ""
            items = tuple(confirming.rejected(i, why) for i in read()) if why else read()
            there = uploaded.of(result.unit)
            judged, whole = _take(items, partial(_output, names, result), there, gathered)
            if present:
                gathered.index.put(ItemState.of(item, result.node) for item in judged)
                _note(gathered, result, why, word, whole=whole)
            yield replace(since, task=(naming.unit_number(result.unit) or 0) + 1)
        yield replace(since, task=numbers.stop)


def reported(
    engine: Engine, run: Run, _word: BatchWord | None, gathered: Gathered, since: Place
) -> Generator[Place]:
    """Take what tasks reported of a generation, as `taken` does, but compare it with nothing.

    So a page of the plan or a receipt that is gone keeps no run from its end.
    """
    present = since.generation == run.generation
    plan = next(plan for number, plan in generations(run) if number == since.generation)
    if since.task >= plan.tasks:
        return
    numbers, planned = range(since.task, plan.tasks), published.PlannedItems(engine, plan)
    results = tasks.results(engine.ports.tables, run.id, since.generation, numbers)
    for result, read in all_items(engine, planned, results):
        items: Items = ()
        with suppress(Permanent):
            items = read()
        for item in items:
            gathered.ends.add(item)
        if present:
            gathered.index.put(ItemState.of(item, result.node) for item in items)
            _note(gathered, result, "", None, whole=True)
        yield replace(since, task=(naming.unit_number(result.unit) or 0) + 1)


def _ranges(first: int, before: int) -> Iterator[range]:
    """Cut tasks into ranges of 1,000, 100, 10 or one: their names have one prefix."""
    while first < before:
        size = next(size for size in (1000, 100, 10, 1) if first % size == 0)
        yield range(first, min(first + size, before))
        first += size


def _note(
    gathered: Gathered, result: TaskResult, why: str, word: BatchWord | None, *, whole: bool
) -> None:
    """Count a unit of the present generation, and note what is wrong with it."""
    gathered.heard += 1
    gathered.seconds += result.seconds
    gathered.task_seconds += TaskSeconds.of(result)
    gathered.devices.add(result.device)
    if result.state is TaskState.RETRYING:
        gathered.retrying = True
    elif why and len(gathered.rejected) < MOST:
        gathered.rejected.append((_slim(result), why))
    elif not why and not whole and len(gathered.lost) < MOST:
        gathered.lost.append(_slim(result))
    if word and word.has_open(result):
        gathered.unfinished = [max([_slim(result), *gathered.unfinished], key=_since)]


def _slim(result: TaskResult) -> TaskResult:
    """Return a result without its items: thousands may be noted."""
    return result.model_copy(update={"items": ()})


def _since(result: TaskResult) -> datetime:
    return result.at or _LONG_AGO


def generations(run: Run) -> Iterator[tuple[int, PublishedPlan]]:
    """Yield every generation that has a plan, first to last."""
    for earlier in run.earlier:
        yield earlier.generation, earlier.plan
    if run.plan:
        yield run.generation, run.plan


def total_items(run: Run) -> int:
    """Return how many items the run has: those of its first plan."""
    return next((plan.items for _, plan in generations(run)), 0)


def _output(names: Generation, result: TaskResult, blob: str) -> BlobRef:
    return names.output_of(result.address_of(blob), blob)


def _take(
    items: Items,
    outputs: Callable[[str], BlobRef],
    sizes: Mapping[BlobRef, int],
    gathered: Gathered,
) -> tuple[list[ItemResult], bool]:
    """Add the items of one task; return them, and whether all outputs that it claims exist."""
    judged, whole = list[ItemResult](), True
    for item in items:
        judged.append(item)
        if not item.succeeded:
            gathered.ends.add(item)
            continue
        parts = [
            Part(item.id, o.name, outputs(o.blob), o.size, o.sha256, o.offset) for o in item.outputs
        ]
        if all(part.lies_in(sizes) for part in parts):
            gathered.ends.add(item)
            gathered.parts.put(item.id, parts)
        else:
            judged[-1] = lost(item)
            gathered.ends.add(judged[-1])
            whole = False
    return judged, whole


def lost(item: ItemResult) -> ItemResult:
    """Turn a success whose outputs are missing into a failure."""
    return item.model_copy(
        update={
            "outcome": ItemOutcome.FAILED,
            "cause": Cause.OUTPUT_LOST,
            "tail": "An output that the receipt names is not in Storage.",
            "outputs": (),
        }
    )


class _Uploaded:
    """The outputs of a range of tasks in Storage: the listing and the rows are in one order."""

    def __init__(self, engine: Engine, names: Generation, numbers: range) -> None:
        self._folder = names.outputs()
        ends = [naming.unit_name(number)[1:] for number in (numbers.start, numbers.stop - 1)]
        listed = engine.ports.blobs.list(naming.WORK, self._folder + shared_prefix(ends))
        self._units = itertools.groupby(listed, lambda facts: self._unit(facts.ref.name))
        self._next = next(self._units, None)

    def of(self, unit: str) -> dict[BlobRef, int]:
        """Return the sizes of a unit's outputs. Units must be asked for in order."""
        while self._next and self._next[0] < unit:
            self._next = next(self._units, None)
        if self._next is None or self._next[0] != unit:
            return {}
        return {facts.ref: facts.size for facts in self._next[1]}

    def _unit(self, name: str) -> str:
        """Return the unit in the name of an output, below the prefix of all numbered tasks."""
        return name[len(self._folder) - 1 :].partition("/")[0]
