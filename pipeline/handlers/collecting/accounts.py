"""Counts a run's items by outcome, and computes what they cost, for every verdict."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Self

from pipeline.domain.definitions.room import slots_of
from pipeline.domain.outputs.item_ends import ItemEnds
from pipeline.domain.runs import naming
from pipeline.domain.runs.announcement import MAX_MISSING
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.manifest import Manifest, Missing
from pipeline.domain.runs.results import Devices, DeviceUse, ItemResult, TaskResult, TaskSeconds
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.handlers.collecting.gather import (
    Gathered,
    Place,
    generations,
    reported,
    total_items,
)
from pipeline.handlers.engine import Engine
from pipeline.ledger import tasks


class Counts(Stored):
    """Items by outcome, the node-seconds with their price, and what tasks ran on.

    `without_output` counts those that succeeded and wrote nothing.
    """

    succeeded: int
    failed: int
    without_output: int = 0
    node_seconds: float
    devices: tuple[DeviceUse, ...] = ()
    cost: float
    currency: str
    peak_memory: int = 0
    peak_disk: int = 0
    task_seconds: TaskSeconds | None = None


@dataclass(frozen=True)
class Outcomes:
    """How many items succeeded, failed, and succeeded without an output.

    `peak_memory` and `peak_disk` are the bytes of those that took most.
    """

    succeeded: int
    failed: int
    without_output: int
    peak_memory: int = 0
    peak_disk: int = 0

    @classmethod
    def of(cls, ends: ItemEnds, total: int) -> Self:
        """Count so many items; those without an end have failed."""
        failed = total - ends.successes
        return cls(ends.successes, failed, ends.without_output, ends.peak_memory, ends.peak_disk)


def count(engine: Engine, run: Run, items: Outcomes, gathered: Gathered) -> Counts:
    """Compute what a run cost, from the seconds of its tasks and their share of a node.

    What tasks ran on, and what their seconds were for, is that of all generations; the devices of
    stages are added.
    """
    node_seconds = round(run.node_seconds + used(engine, run, gathered.seconds), 3)
    for stage in _stages(engine, run):
        gathered.devices.add(stage.device)
    spent = (run.task_seconds or TaskSeconds()) + gathered.task_seconds
    counts = _priced(engine, run, items, node_seconds, gathered.devices.uses)
    return counts.model_copy(update={"task_seconds": spent if spent.tasks else None})


def of_manifest(engine: Engine, run: Run, manifest: Manifest) -> Counts:
    """Return the counts that a committed manifest has.

    What items took at most it does not say, nor what the seconds of its tasks were for.
    """
    items = Outcomes(manifest.succeeded, manifest.missing_total, manifest.without_output)
    return _priced(engine, run, items, manifest.node_seconds, manifest.devices)


def uncounted(engine: Engine, run: Run) -> Counts:
    """Return the counts of a run of whose present generation nothing can be read."""
    items = Outcomes(run.succeeded, total_items(run) - run.succeeded, run.without_output)
    return _priced(engine, run, items, run.node_seconds, run.devices)


def _priced(
    engine: Engine, run: Run, items: Outcomes, node_seconds: float, devices: tuple[DeviceUse, ...]
) -> Counts:
    """Add to what a run used its price.

    It is an estimate: full and spot price, weighted by the pool's share of spot nodes.
    """
    pool = engine.catalogue.pools.get(run.pool)
    price, per_hour = (pool.price, pool.per_hour) if pool else (None, None)
    return Counts(
        **asdict(items),
        node_seconds=node_seconds,
        devices=devices,
        cost=round(node_seconds / 3600 * (per_hour or 0.0), 6),
        currency=price.currency if price else "",
        task_seconds=run.task_seconds,
    )


def used(engine: Engine, run: Run, seconds: float) -> float:
    """Return the node-seconds of a generation: those of its tasks and of its stage programs.

    `seconds` is the sum over the tasks; each counts by its share of a node. If the pool is no
    longer defined, a node counts as one slot; if the definition is unreadable, a task does.
    """
    definition = engine.definition_if_readable(run)
    pool = engine.catalogue.pools.get(run.pool)
    slots = slots_of(definition.task, pool) if definition else 1
    slot_seconds = slots * seconds + sum(stage.seconds for stage in _stages(engine, run))
    return slot_seconds * (pool.share(1) if pool else 1.0)


def tally(engine: Engine, run: Run, cause: Cause | None) -> tuple[Counts, list[Missing]]:
    """Count a run that ends early at once, from what its tasks have reported so far.

    Of many items `tallied` counts what was gathered in slices.
    """
    gathered = Gathered(devices=Devices(run.devices))
    for generation, _ in generations(run):
        for _ in reported(engine, run, None, gathered, Place(generation)):
            pass
    return tallied(engine, run, gathered, cause)


def tallied(
    engine: Engine, run: Run, gathered: Gathered, cause: Cause | None
) -> tuple[Counts, list[Missing]]:
    """Count a run that ends early, and return its first missing items, too.

    An item that never ended gets the cause of the verdict.
    """
    ends = gathered.ends
    total = max(total_items(run), ends.known)
    failures = {item.id: item for item in itertools.islice(ends.failures(), MAX_MISSING)}
    left = (n for n in range(total) if not ends.succeeded(n))
    missing = [
        Missing.of(failures[n]) if n in failures else Missing(item=n, cause=cause, tries=0)
        for n in itertools.islice(left, MAX_MISSING)
    ]
    outcomes = Outcomes.of(ends, total)
    return count(engine, run, outcomes, gathered), missing


def peaks(items: Iterable[ItemResult]) -> tuple[int, int]:
    """Return the most memory and the most disk that an item took, in bytes."""
    memory = disk = 0
    for item in items:
        memory, disk = max(memory, item.memory), max(disk, item.disk)
    return memory, disk


def _stages(engine: Engine, run: Run) -> Iterator[TaskResult]:
    for stage in naming.STAGES:
        if found := tasks.find(engine.ports.tables, run.id, run.generation, stage):
            yield found.result
