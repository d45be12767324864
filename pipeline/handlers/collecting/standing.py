"""The state of a run for people: progress, failures and output, from the ledger and Storage."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from pydantic import ValidationError

from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import Manifest, ManifestPage, OutputFile, files_of
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.results import ItemResult
from pipeline.domain.runs.run import Run
from pipeline.errors import NotFound
from pipeline.handlers.collecting.accounts import peaks, used
from pipeline.handlers.collecting.gather import total_items
from pipeline.handlers.collecting.reading import items_of
from pipeline.handlers.engine import Engine
from pipeline.handlers.published import PlannedItems
from pipeline.handlers.why import obstacle_to, remedy_of
from pipeline.ledger import progress, runs, tasks

# Failures and seconds are counted only for runs of at most this size: it means reading every row.
_ROWS_READ = 500


@dataclass(frozen=True)
class Standing:
    """The state of a run, with the numbers that people want to see.

    `remedy` says what to do about a run that has failed.
    """

    run: Run
    obstacle: Obstacle | None = None
    done: int = 0
    items: int = 0
    failed: int = 0
    node_seconds: float = 0.0
    peak_memory: int = 0
    peak_disk: int = 0
    remedy: str = ""


@dataclass(frozen=True)
class FailedItem:
    """An item that failed, and the unit (task or stage program) that it was in."""

    unit: str
    node: str
    item: ItemResult


def standing(engine: Engine, run_id: str, *, ask: bool = True) -> Standing:
    """Read the state of a run. Raises NotFound.

    With `ask`, Batch is asked what the run waits for; without, the noted obstacle is returned.
    """
    run = runs.need(engine.ports.tables, run_id).run
    reason = obstacle_to(engine, run) if ask else run.obstacle
    items = total_items(run)
    if run.over:
        done = run.succeeded + run.failed
        known = Standing(run, run.obstacle, done, items, run.failed, run.node_seconds)
        return replace(
            known,
            peak_memory=run.peak_memory,
            peak_disk=run.peak_disk,
            remedy=remedy_of(engine, run),
        )
    if run.plan is None:
        return Standing(run, reason, 0, items, 0, run.node_seconds + used(engine, run, 0.0))
    finished = progress.union(engine.ports.tables, run.id, run.generation, "tasks").count()
    definition = engine.definition_if_readable(run)
    bundle = definition.bundle.items if definition else -(-run.plan.items // (run.plan.tasks or 1))
    before = items - run.plan.items  # what earlier generations have done
    done = before + min(run.plan.items, finished * bundle)
    known = Standing(run, reason, done, items, 0, run.node_seconds)
    return _so_far(engine, known) if run.plan.tasks <= _ROWS_READ else known


def failed_items(engine: Engine, run: Run, limit: int) -> list[FailedItem]:
    """Return the first items that failed in the present generation, with what they printed."""
    return list(islice(_failed(engine, run), limit))


def manifest_of(engine: Engine, run: Run) -> Manifest | None:
    """Read the manifest of a run's output, or return None if this release cannot read it."""
    if run.output is None:
        return None
    try:
        return Manifest.model_validate_json(engine.ports.blobs.read(run.names.manifest))
    except (NotFound, ValidationError):
        return None  # purged, or written by a release with another format


def output_files(
    engine: Engine, run: Run, manifest: Manifest, skip: int = 0
) -> Iterator[OutputFile]:
    """Yield the files of a run's output after the first ones. Raises NotFound, PageChanged."""

    def read(page: ManifestPage) -> bytes:
        return engine.ports.blobs.read(run.names.output(page.name), 0, page.size + 1)

    return files_of(manifest, read, skip)


def _so_far(engine: Engine, known: Standing) -> Standing:
    run = known.run
    results = list(tasks.results(engine.ports.tables, run.id, run.generation))
    seconds = used(engine, run, sum(r.seconds for r in results))
    memory, disk = peaks(item for result in results for item in result.items)
    return replace(
        known,
        failed=sum(r.failed for r in results),
        node_seconds=known.node_seconds + seconds,
        peak_memory=memory,
        peak_disk=disk,
    )


def _failed(engine: Engine, run: Run) -> Iterator[FailedItem]:
    tables, planned = engine.ports.tables, PlannedItems(engine, run.plan)
    stages = (tasks.find(tables, run.id, run.generation, unit) for unit in naming.STAGES)
    rows = [found.result for found in stages if found]
    for result in (*rows, *tasks.results(tables, run.id, run.generation)):
        for item in items_of(engine, planned, result):
            if not item.succeeded:
                yield FailedItem(result.unit, result.node, item)
