"""How a run stands: read from the ledger, and from Batch where that says why it waits."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from pipeline.cli.exits import CommandError
from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.results import ItemResult, Receipt, TaskResult
from pipeline.domain.runs.run import Run
from pipeline.errors import NotFound
from pipeline.handlers.collecting.gather import total_items
from pipeline.handlers.engine import Engine
from pipeline.handlers.why import explain
from pipeline.ledger import progress, runs, tasks

LATEST = "latest"
_SEARCHED = 200
# Reading every task's row to show a bar is worth it only for runs of this size.
_ROWS_READ = 500


@dataclass(frozen=True)
class Standing:
    """Where a run stands, as people want to know it."""

    run: Run
    why: str = ""
    done: int = 0
    items: int = 0
    failed: int = 0
    node_seconds: float = 0.0


@dataclass(frozen=True)
class FailedItem:
    """An item that failed, and the unit (task or stage program) that it was in."""

    unit: str
    node: str
    item: ItemResult


def look(engine: Engine, run_id: str, *, why: bool = True) -> Standing:
    """Read how a run stands; `why` asks Batch what it waits for. Raises NotFound."""
    run = runs.need(engine.ports.tables, run_id).run
    reason = "" if run.over else explain(engine, run) if why else run.why
    items = total_items(run)
    if run.over:
        return Standing(run, "", run.succeeded + run.failed, items, run.failed, run.node_seconds)
    if run.plan is None:
        return Standing(run, reason, 0, items, 0, run.node_seconds)
    finished = progress.union(engine.ports.tables, run.id, run.generation, "tasks").count()
    bundle = engine.definition(run).bundle.items
    before = items - run.plan.items  # what earlier generations have done already
    done = before + min(run.plan.items, finished * bundle)
    failed, seconds = _so_far(engine, run) if run.plan.tasks <= _ROWS_READ else (0, 0.0)
    return Standing(run, reason, done, items, failed, run.node_seconds + seconds)


def failed_items(engine: Engine, run: Run, limit: int) -> list[FailedItem]:
    """Return the first items that failed in the present generation, with what they printed."""
    return list(islice(_failed(engine, run), limit))


def files_of(engine: Engine, run: Run) -> Manifest | None:
    """Read the manifest of a run's output, if it is there and one that this version reads."""
    if run.output is None:
        return None
    folder = naming.output_folder(run.pipeline, run.id, run.generation)
    try:
        content = engine.ports.blobs.read(BlobRef("output", f"{folder}/manifest.json"))
        return Manifest.model_validate_json(content)
    except (NotFound, ValidationError):
        return None  # purged, or written by a version that said other things


def recent_runs(engine: Engine, pipeline: str | None, limit: int) -> list[Run]:
    """Return the latest runs of a pipeline, or of all."""
    tables = engine.ports.tables
    names = [pipeline] if pipeline else runs.pipelines(tables)
    ids = [run for name in names for run in islice(runs.recent(tables, name), limit)]
    found = [held.run for run in ids if (held := runs.load(tables, run))]
    return sorted(found, key=lambda run: run.created_at, reverse=True)[:limit]


def run_named(engine: Engine, text: str) -> str:
    """Find the run that a full id, the beginning of one, or `latest` means."""
    if runs.load(engine.ports.tables, text):
        return text
    if text == LATEST:
        found = [run.id for run in recent_runs(engine, None, 1)]
    else:
        tables = engine.ports.tables
        everyone = (
            run
            for name in runs.pipelines(tables)
            for run in islice(runs.recent(tables, name), _SEARCHED)
        )
        found = [run for run in everyone if run.startswith(text)]
    if len(found) > 1:
        raise CommandError(f"{text!r} may be {len(found)} runs, such as {found[0]} and {found[1]}.")
    if not found:
        raise CommandError(f"There is no run {text!r}: `fanfare ls` shows those that there are.")
    return found[0]


def _so_far(engine: Engine, run: Run) -> tuple[int, float]:
    results = list(tasks.results(engine.ports.tables, run.id, run.generation))
    pool = engine.catalogue.pools.get(run.pool)
    share = engine.definition(run).task.slots / (pool.slots if pool else 1)
    return sum(r.failed for r in results), share * sum(r.seconds for r in results)


def _failed(engine: Engine, run: Run) -> Iterator[FailedItem]:
    tables = engine.ports.tables
    stages = (
        tasks.find(tables, run.id, run.generation, unit) for unit in (naming.SPLIT, naming.ASSEMBLE)
    )
    rows = [found[0] for found in stages if found]
    for result in (*rows, *tasks.results(tables, run.id, run.generation)):
        for item in _items(engine, result):
            if not item.succeeded:
                yield FailedItem(result.unit, result.node, item)


def _items(engine: Engine, result: TaskResult) -> tuple[ItemResult, ...]:
    """Return a task's items; those that the row had no room for are in its receipt."""
    if result.items or not result.receipt:
        return result.items
    try:
        content = engine.ports.blobs.read(BlobRef("receipts", result.receipt))
    except NotFound:
        return ()
    return Receipt.model_validate_json(content).items
