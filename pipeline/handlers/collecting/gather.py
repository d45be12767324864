"""Gathers the results of all items over all generations, and compares them with Storage."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.naming import BlobRef, Generation
from pipeline.domain.runs.results import Devices, ItemOutcome, ItemResult, TaskResult, TaskState
from pipeline.domain.runs.run import PublishedPlan, Run
from pipeline.handlers import published
from pipeline.handlers.collecting.reading import items_of
from pipeline.handlers.engine import Engine
from pipeline.handlers.running import confirming
from pipeline.handlers.running.confirming import BatchWord
from pipeline.ledger import tasks


@dataclass(frozen=True, slots=True)
class Part:
    """One output of one item in Storage: a blob, or the part of a pack that begins at `offset`."""

    item: int
    name: str
    ref: BlobRef
    size: int
    sha256: str
    offset: int | None = None

    @property
    def end(self) -> int | None:
        """Where it ends in its pack, or None if it is a blob."""
        return None if self.offset is None else self.offset + self.size

    def lies_in(self, sizes: Mapping[BlobRef, int]) -> bool:
        """Return whether Storage has it, by the sizes of the blobs that are there."""
        there = sizes.get(self.ref)
        return there is not None and (there == self.size if self.end is None else self.end <= there)


type Rejected = tuple[TaskResult, str]


@dataclass
class Gathered:
    """The results of a run's items.

    Of items that succeeded we keep only the parts, to bound memory: there may be a million. Of the
    present generation, `heard` counts the units that have a row, `devices` what they ran on, and
    `seconds` is the sum over its tasks. The peaks are the bytes of the items that took most. `lost`
    holds those with missing outputs, `rejected` those whose receipt Batch contradicts, with its
    words, and `unfinished` those with a receipt that Batch has not completed.
    """

    failures: dict[int, ItemResult] = field(default_factory=dict)
    parts: dict[int, tuple[Part, ...]] = field(default_factory=dict)
    retrying: list[TaskResult] = field(default_factory=list)
    lost: list[TaskResult] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unfinished: list[TaskResult] = field(default_factory=list)
    devices: Devices = field(default_factory=Devices)
    heard: int = 0
    seconds: float = 0.0
    peak_memory: int = 0
    peak_disk: int = 0

    @property
    def failed(self) -> list[ItemResult]:
        """The items that failed, in order."""
        return [item for _, item in sorted(self.failures.items())]

    @property
    def without_output(self) -> int:
        """How many items succeeded and wrote nothing."""
        return sum(not parts for parts in self.parts.values())

    def in_order(self) -> list[Part]:
        """Return the parts of the items that succeeded, in item order."""
        return [part for item in sorted(self.parts) for part in self.parts[item]]


def gather(engine: Engine, run: Run, word: BatchWord | None = None) -> Gathered:
    """Read the results of every generation; a later failure never replaces a success.

    With `word` the receipts of the present generation are compared with it.
    """
    gathered = Gathered(devices=Devices(run.devices))
    for generation, plan in generations(run):
        sizes, planned = _sizes(engine, run, generation), published.PlannedItems(engine, plan)
        for result in tasks.results(engine.ports.tables, run.id, generation):
            outputs = partial(_output, Generation(run.id, generation), result)
            present = generation == run.generation
            items = items_of(engine, planned, result)
            why = word.contradicts(result) if word and present else ""
            if why:
                items = tuple(confirming.rejected(item, why) for item in items)
            whole = _take(items, outputs, sizes, gathered)
            if present:
                gathered.heard += 1
                gathered.seconds += result.seconds
                gathered.devices.add(result.device)
                if result.state is TaskState.RETRYING:
                    gathered.retrying.append(result)
                elif why:
                    gathered.rejected.append((result, why))
                elif not whole:
                    gathered.lost.append(result)
                if word and word.has_open(result):
                    gathered.unfinished.append(result)
    return gathered


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
    items: tuple[ItemResult, ...],
    outputs: Callable[[str], BlobRef],
    sizes: Mapping[BlobRef, int],
    gathered: Gathered,
) -> bool:
    """Add the items of one task; return whether all outputs that it claims exist."""
    whole = True
    for item in items:
        gathered.peak_memory = max(gathered.peak_memory, item.memory)
        gathered.peak_disk = max(gathered.peak_disk, item.disk)
        parts = tuple(
            Part(item.id, o.name, outputs(o.blob), o.size, o.sha256, o.offset) for o in item.outputs
        )
        there = all(part.lies_in(sizes) for part in parts)
        if item.succeeded and there:
            gathered.parts[item.id] = parts
            gathered.failures.pop(item.id, None)
        elif item.id not in gathered.parts:
            gathered.failures[item.id] = item if not item.succeeded else lost(item)
        whole = whole and (there or not item.succeeded)
    return whole


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


def _sizes(engine: Engine, run: Run, generation: int) -> dict[BlobRef, int]:
    outputs = Generation(run.id, generation).outputs()
    return {facts.ref: facts.size for facts in engine.ports.blobs.list(naming.WORK, outputs)}
