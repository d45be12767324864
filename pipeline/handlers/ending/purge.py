"""Deletes what a run that is over left; its row stays, so that no event can start it again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.handlers.engine import Engine
from pipeline.ledger import purge, runs
from pipeline.ports.blobs import BlobFacts


@dataclass(frozen=True)
class Purge:
    """What belongs to a run: the blobs to delete."""

    run: Run
    blobs: tuple[BlobRef, ...]
    bytes: int


def belongings(engine: Engine, run: Run, *, output: bool) -> Purge:
    """Find everything of a run; raises Conflict for one that is going."""
    if not run.over:
        raise Conflict(f"Run {run.id} is {run.state}: `fanfare cancel {run.id}` first.")
    blobs = engine.ports.blobs
    folders = naming.belongings(run.id, output=output)
    found = [facts for folder in folders for facts in blobs.list(folder.container, folder.name)]
    if output:
        found += _aliases(engine, run)
    refs = [facts.ref for facts in found] + list(_input_copies(run))
    return Purge(run, tuple(refs), sum(facts.size for facts in found))


def carry_out(engine: Engine, found: Purge) -> Iterator[BlobRef]:
    """Delete it, yielding each blob as it goes; repeating it is fine."""
    for ref in found.blobs:
        engine.ports.writer.delete(ref)
        yield ref
    purge.forget(engine.ports.tables, found.run.id, found.run.generation)
    _note(engine, found.run.id)


def _input_copies(run: Run) -> Iterable[BlobRef]:
    """Name what pinned the input: the snapshot, and the upload that a request was made of."""
    if run.input is None:
        return
    if run.input.snapshot:
        yield run.input.ref
    upload = BlobRef(run.input.container, run.input.name)
    if naming.is_upload(upload):
        yield upload


def _aliases(engine: Engine, run: Run) -> list[BlobFacts]:
    """Find the friendly names that point at this run's output and at no newer one."""
    refs = [naming.alias_latest(run.pipeline)]
    if run.input:
        refs.append(naming.alias_of_input(run.pipeline, run.input.name))
    found = [facts for ref in refs if (facts := engine.ports.blobs.head(ref))]
    return [facts for facts in found if _points_at(engine, facts.ref, run)]


def _points_at(engine: Engine, ref: BlobRef, run: Run) -> bool:
    try:
        return Manifest.model_validate_json(engine.ports.blobs.read(ref)).run == run.id
    except ValidationError:
        return False  # somebody else's, or another version's: not ours to delete


def _note(engine: Engine, run_id: str) -> None:
    held = runs.need(engine.ports.tables, run_id)
    purged = held.run.model_copy(update={"purged_at": engine.now, "step": engine.token()})
    runs.move(engine.ports.tables, held, purged)
