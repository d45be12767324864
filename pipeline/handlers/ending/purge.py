"""Deletes what an ended run left. Its row stays, so that no late event starts the run again.

Only a command purges, and it has no time limit. One that was interrupted is repeated: the pages of
the plan, which name the snapshots of the run's items, are deleted last.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
from urllib.parse import unquote

from pydantic import ValidationError

from pipeline.domain.runs import naming
from pipeline.domain.runs.asking.history import Act
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import PublishedPlan, Run
from pipeline.errors import Conflict, Permanent
from pipeline.handlers import published
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
    blobs = engine.ports.blobs
    folders = naming.belongings(run.id, output=output)
    found = [facts for folder in folders for facts in blobs.list(folder.container, folder.name)]
    if output:
        found += _aliases(engine, run)
    refs = [*_item_snapshots(engine, run), *_input_copies(run), *(facts.ref for facts in found)]
    refs.sort(key=lambda ref: ref.container == naming.ENGINE)
    return Purge(run, tuple(refs), sum(facts.size for facts in found))


def carry_out(engine: Engine, found: Purge) -> Iterator[BlobRef]:
    """Delete the blobs, some at a time, and yield each one; a second call is harmless."""
    delete = engine.ports.writer.delete
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="purge") as pool:
        for group in batched(found.blobs, 4 * _AT_ONCE, strict=False):
            for ref, _ in zip(group, pool.map(delete, group), strict=True):
                yield ref
    tasks.forget(engine.ports.tables, found.run.id, found.run.generation)
    _note(engine, found.run.id)


def _input_copies(run: Run) -> Iterable[BlobRef]:
    """Name the snapshot of the input, and the upload of a request; a copy lies in a folder."""
    if run.input is None:
        return
    if run.input.snapshot:
        yield run.input.ref
    upload = BlobRef(run.input.container, run.input.name)
    if naming.is_upload(upload):
        yield upload


def _item_snapshots(engine: Engine, run: Run) -> Iterator[BlobRef]:
    """Name the snapshots of blobs that only one item needed, as the pages of the plans do."""
    definition = engine.definition_if_readable(run)
    split = definition.split.blobs or definition.split.manifest if definition else None
    if split is None or split.container is None:
        return
    plans = [run.plan] if run.plan else []
    for plan in (*plans, *(before.plan for before in run.earlier)):
        for number in range(plan.pages):
            with suppress(Permanent):  # an interrupted purge has deleted this page
                yield from _named(engine, split.container, plan, number)


def _named(engine: Engine, container: str, plan: PublishedPlan, number: int) -> Iterator[BlobRef]:
    for task in published.read_page(engine, plan, number).page.tasks:
        for file in task.inputs:
            base = f"{engine.ports.blobs.url(BlobRef(container, file.name))}?snapshot="
            if file.url.startswith(base):
                yield BlobRef(container, file.name, unquote(file.url.removeprefix(base)))


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
