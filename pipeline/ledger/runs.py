"""Runs: claimed once, moved only from the state that was read, ended together with their event.

Table `runs`, partition = pipeline, row = run id. Rows of the index and the outbox share the
partition, so that one transaction changes them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, NotFound
from pipeline.ledger import index, outbox
from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import Change, carried_on, from_values, put, to_values
from pipeline.ports.tables import Row, Tables, Value


@dataclass(frozen=True)
class Held:
    """A run as it was read, with its columns and the ETag that its next move depends on."""

    run: Run
    etag: str
    values: Mapping[str, Value]


def claim(
    tables: Tables, run: Run, first: Callable[[], object] = lambda: None
) -> tuple[Held, bool]:
    """Create the run unless it exists; return the stored run, and whether this call created it.

    `first` is called before the pipeline's first run, and may raise.
    """
    index.register(tables, run.pipeline, first)
    values = to_values(run)
    listed = (index.activated(run), index.listed(run), *index.found_by_input(run))
    operations = [put(Row(run.pipeline, run.id, values)), *listed]
    try:
        etags = tables.transact(RUNS, run.pipeline, operations)
    except Conflict:
        existing = load(tables, run.id)
        if existing is None:
            raise
        return existing, existing.run.step == run.step
    return Held(run, etags[0], values), True


def load(tables: Tables, run_id: str) -> Held | None:
    """Read a run, or return None if it does not exist. Raises Unreadable."""
    pipeline = naming.pipeline_of(run_id)
    row = tables.get(RUNS, pipeline, run_id) if pipeline else None
    return Held(from_values(Run, row, RUNS), row.etag or "", row.values) if row else None


def exists(tables: Tables, run_id: str) -> bool:
    """Return whether the ledger has a row of a run, readable or not."""
    pipeline = naming.pipeline_of(run_id)
    return pipeline is not None and tables.get(RUNS, pipeline, run_id) is not None


def need(tables: Tables, run_id: str) -> Held:
    """Read a run. Raises NotFound, or Unreadable."""
    held = load(tables, run_id)
    if held is None:
        raise NotFound(f"There is no run {run_id[:100]!r}: `fanfare ls` lists the runs.")
    return held


def reread(tables: Tables, held: Held) -> Held:
    """Read the row of a run again after a long step: a note on why it waits has changed it.

    Otherwise the step would be repeated for the sake of the note, and noted anew. Raises Conflict
    if the run has moved on.
    """
    found, run = need(tables, held.run.id), held.run
    if (found.run.generation, found.run.state) != (run.generation, run.state):
        raise Conflict(f"Run {run.id} has moved on from {run.state}.")
    return found


def move(tables: Tables, held: Held, run: Run, *also: Change) -> Held:
    """Write the run if nobody moved it since it was read. Raises Conflict otherwise.

    A write whose answer was lost is recognised by its step token, and is not a conflict.
    """
    values = carried_on(held.values, held.run, run)
    operations = [put(Row(run.pipeline, run.id, values, held.etag)), *also]
    try:
        etags = tables.transact(RUNS, run.pipeline, operations)
    except Conflict:
        current = load(tables, run.id)
        if current and current.run.step == run.step != held.run.step:
            return current
        raise
    return Held(run, etags[0], values)


def conclude(
    tables: Tables, held: Held, run: Run, event: Mapping[str, object], *also: Change
) -> Held:
    """Write the verdict, its event and the work that follows, in one transaction."""
    entries = outbox.of_verdict(run, event)
    return move(tables, held, run, index.deactivated(run), *entries, *also)


def reopen(tables: Tables, held: Held, run: Run) -> Held:
    """Write a redrive: the run is active again."""
    return move(tables, held, run, index.activated(run))
