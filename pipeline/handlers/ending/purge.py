"""Deletes what an ended run left. Its row stays, so that no late event starts the run again.

A command purges, in slices, and one that was interrupted is repeated. If nobody repeats it, the
retention deletes the rest.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.domain.runs import naming
from pipeline.domain.runs.asking.history import Act
from pipeline.domain.runs.keeping import outputs
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.handlers import backups
from pipeline.handlers.collecting.gather import generations
from pipeline.handlers.ending import leftovers
from pipeline.handlers.ending.leftovers import Allowance, Told
from pipeline.handlers.engine import Engine, context, log
from pipeline.ledger import runs
from pipeline.ports.blobs import BlobFacts


@dataclass
class Purge:
    """What of a run is to be deleted: so many blobs, with so many bytes, and about so many rows."""

    run: Run
    output: bool
    blobs: int = 0
    bytes: int = 0
    rows: int = 0


def belongings(engine: Engine, run: Run, *, output: bool) -> Purge:
    """Count the blobs of a run. Raises Conflict if the run is active."""
    if not run.over:
        raise Conflict(f"Run {run.id} is {run.state}: run `fanfare cancel {run.id}` first.")
    found = Purge(run, output, rows=sum(plan.tasks for _, plan in generations(run)))
    for facts in leftovers.belongings(engine, run, output=output):
        found.blobs += 1
        found.bytes += facts.size
    if output:
        aliases = _aliases(engine, run)
        found.blobs += len(aliases)
        found.bytes += sum(facts.size for facts in aliases)
    for pins in (leftovers.item_pins(engine, run), leftovers.input_copies(engine, run)):
        found.blobs += sum(1 for _ in pins)
    return found


def carry_out(engine: Engine, found: Purge, told: Told = lambda _: None) -> None:
    """Delete a run's blobs and rows, slice by slice; a second call is harmless.

    The run counts as purged before anything is deleted: nobody redrives it then. `told` hears how
    many were deleted, some at a time. Raises Elsewhere while another instance deletes.
    """
    begin(engine, found.run.id)
    while not go_on(engine.begun(), found, told):
        pass


def begin(engine: Engine, run_id: str) -> None:
    """Note that a run is purged, and who asked for it. Raises Conflict, and NotFound."""
    held = runs.need(engine.ports.tables, run_id)
    run, now = held.run, engine.now
    asked = run.asked_for(Act.PURGE, engine.by, now, run.generation)
    changes = {"purged_at": now, "step": engine.token(), "asked": asked}
    runs.move(engine.ports.tables, held, run.model_copy(update=changes))
    log.info("Run purged", extra={**context(run, "purge"), "asked_by": str(engine.by)})


def go_on(engine: Engine, found: Purge, told: Told = lambda _: None) -> bool:
    """Delete a slice of a purged run's blobs and rows; return whether that was all of them."""
    allowance = Allowance(sys.maxsize, engine.slice.ends)
    first = _output(engine, found.run) if found.output else ()
    if not leftovers.erase(engine, found.run, allowance, told, first):
        return False
    backups.bury(engine, found.run)
    return True


def _output(engine: Engine, run: Run) -> Iterator[BlobRef]:
    """Yield the blobs of a run's output, after the aliases that point at it."""
    yield from (facts.ref for facts in _aliases(engine, run))
    folder = outputs.folder(run.id)
    yield from (facts.ref for facts in engine.ports.blobs.list(folder.container, folder.name))


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
