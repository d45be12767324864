"""Deletes what an ended run left. Its row stays, so that no late event starts the run again.

Only a command purges, and it has no time limit. One that was interrupted is repeated: the pages of
the plan, which name the snapshots of the run's items, are deleted last.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched

from pydantic import ValidationError

from pipeline.domain.runs import naming
from pipeline.domain.runs.asking.history import Act
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.handlers import backups
from pipeline.handlers.ending import leftovers
from pipeline.handlers.engine import Engine, context, log
from pipeline.ledger import runs, tasks
from pipeline.ports.blobs import BlobFacts

_AT_ONCE = 16


@dataclass(frozen=True)
class Purge:
    """The blobs of a run that are to be deleted."""

    run: Run
    blobs: tuple[BlobRef, ...]
    bytes: int


def belongings(engine: Engine, run: Run, *, output: bool) -> Purge:
    """Find all blobs of a run. Raises Conflict if the run is active."""
    if not run.over:
        raise Conflict(f"Run {run.id} is {run.state}: run `fanfare cancel {run.id}` first.")
    found = [*leftovers.belongings(engine, run, output=output)]
    if output:
        found += _aliases(engine, run)
    pins = [*leftovers.item_pins(engine, run), *leftovers.input_copies(engine, run)]
    refs = [*pins, *(facts.ref for facts in found)]
    return Purge(run, tuple(refs), sum(facts.size for facts in found))


def carry_out(engine: Engine, found: Purge) -> Iterator[BlobRef]:
    """Delete the blobs, some at a time, and yield each one; a second call is harmless.

    The run counts as purged before anything is deleted: nobody redrives it then.
    """
    _note(engine, found.run.id)
    delete = engine.ports.writer.delete
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="purge") as pool:
        for group in batched(found.blobs, 4 * _AT_ONCE, strict=False):
            for ref, _ in zip(group, pool.map(delete, group), strict=True):
                yield ref
    tasks.forget(engine.ports.tables, found.run.id, found.run.generation)
    backups.bury(engine, found.run)


def _aliases(engine: Engine, run: Run) -> list[BlobFacts]:
    """Find the friendly names that still point at this run's output."""
    refs = [naming.alias_latest(run.pipeline)]
    if run.input:
        refs.append(naming.alias_of_input(run.pipeline, run.input.name))
    found = [facts for ref in refs if (facts := engine.ports.blobs.head(ref))]
    return [facts for facts in found if _points_at(engine, facts.ref, run)]


def _points_at(engine: Engine, ref: BlobRef, run: Run) -> bool:
    try:
        return Manifest.model_validate_json(engine.ports.blobs.read(ref)).run == run.id
    except ValidationError:
        return False  # somebody else or another release wrote it: it must stay


def _note(engine: Engine, run_id: str) -> None:
    held = runs.need(engine.ports.tables, run_id)
    run, now = held.run, engine.now
    asked = run.asked_for(Act.PURGE, engine.by, now, run.generation)
    changes = {"purged_at": now, "step": engine.token(), "asked": asked}
    runs.move(engine.ports.tables, held, run.model_copy(update=changes))
    log.info("Run purged", extra={**context(run, "purge"), "asked_by": str(engine.by)})
