"""Deletes what a run that is over left; its row stays, so that no event can start it again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.handlers.engine import Engine
from pipeline.ledger import progress, runs, tasks
from pipeline.ports.blobs import BlobFacts
from pipeline.ports.tables import Remove

_PER_TRANSACTION = 100


@dataclass(frozen=True)
class Purge:
    """What belongs to a run: blobs to delete, and partitions of which table to empty."""

    run: Run
    blobs: tuple[BlobRef, ...]
    bytes: int


def belongings(engine: Engine, run: Run, *, output: bool) -> Purge:
    """Find everything of a run; raises Conflict for one that is going."""
    if not run.over:
        raise Conflict(f"Run {run.id} is {run.state}: `fanfare cancel {run.id}` first.")
    blobs = engine.ports.blobs
    folders = [("work", f"{run.id}/"), ("receipts", f"{run.id}/")]
    if output:
        folders.append(("output", f"{run.pipeline}/{run.id}/"))
    found = [facts for place in folders for facts in blobs.list(*place)]
    if output:
        found += _aliases(engine, run)
    refs = [facts.ref for facts in found] + list(_input_copies(run))
    return Purge(run, tuple(refs), sum(facts.size for facts in found))


def carry_out(engine: Engine, purge: Purge) -> Iterator[BlobRef]:
    """Delete it, yielding each blob as it goes; repeating it is fine."""
    for ref in purge.blobs:
        engine.ports.writer.delete(ref)
        yield ref
    for generation in range(1, purge.run.generation + 1):
        place = tasks.partition(purge.run.id, generation)
        for table in (tasks.TABLE, progress.TABLE):
            _empty(engine, table, place)
    _leave_a_word(engine, purge.run.id)


def _input_copies(run: Run) -> Iterable[BlobRef]:
    """Name what pinned the input: the snapshot, and the upload that a request was made of."""
    if run.input is None:
        return
    if run.input.snapshot:
        yield BlobRef(run.input.container, run.input.name, run.input.snapshot)
    if run.input.container == "work" and run.input.name.startswith("uploads/"):
        yield BlobRef("work", run.input.name)


def _aliases(engine: Engine, run: Run) -> list[BlobFacts]:
    """Find the friendly names that point at this run's output and at no newer one."""
    names = ["latest", *([f"by-name/{run.input.name}"] if run.input else [])]
    refs = [BlobRef("output", f"{run.pipeline}/{name}/manifest.json") for name in names]
    found = [facts for ref in refs if (facts := engine.ports.blobs.head(ref))]
    return [facts for facts in found if _points_at(engine, facts.ref, run)]


def _points_at(engine: Engine, ref: BlobRef, run: Run) -> bool:
    try:
        return Manifest.model_validate_json(engine.ports.blobs.read(ref)).run == run.id
    except ValidationError:
        return False  # somebody else's, or another version's: not ours to delete


def _empty(engine: Engine, table: str, place: str) -> None:
    keys = [row.key for row in engine.ports.tables.query(table, place)]
    for at in range(0, len(keys), _PER_TRANSACTION):
        group = keys[at : at + _PER_TRANSACTION]
        engine.ports.tables.transact(table, place, [Remove(key) for key in group])


def _leave_a_word(engine: Engine, run_id: str) -> None:
    held = runs.need(engine.ports.tables, run_id)
    words = f"purged on {engine.now:%Y-%m-%d}: its plan, logs and receipts are deleted"
    told = held.run.model_copy(update={"why": words, "step": engine.token()})
    runs.move(engine.ports.tables, held, told)
