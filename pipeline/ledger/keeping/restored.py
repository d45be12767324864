"""Puts back rows that were lost. What is there is never changed, so a call may be repeated."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.ledger import index, outbox, watermarks
from pipeline.ledger.keeping import retention
from pipeline.ledger.layout import RUNS, TASKS, partition
from pipeline.ledger.rows import Change, to_values
from pipeline.ledger.watermarks import Ticked, Watched
from pipeline.ports.tables import Insert, Operation, Row, Tables


def put_back(
    tables: Tables, run: Run, event: Mapping[str, object] | None = None, *also: Change
) -> bool:
    """Write the row of a run and the rows that list it; return whether this call did.

    With `event` it is announced once more, and what the run held is released once more. The
    pipeline counts as lost until its marks are put back, so that no input runs in between.
    """
    row = Insert(Row(run.pipeline, run.id, to_values(run)))
    others: list[Operation] = [index.listed(run), *index.found_by_input(run)]
    others += [] if run.over else [index.activated(run)]
    others += outbox.of_verdict(run, event) if event else ()
    missing = [o for o in others if isinstance(o, Insert) and not _is_there(tables, o.row)]
    try:
        tables.transact(RUNS, run.pipeline, [row, *missing, *also])
    except Conflict:
        return False
    return True


def has_results(tables: Tables, run: str, generation: int) -> bool:
    """Return whether the ledger has a result of any unit of a generation."""
    return any(True for _ in tables.query(TASKS, partition(run, generation)))


def put_back_marks(
    tables: Tables, pipeline: str, watermark: datetime | None, watched: Watched | None,
    ticked: Ticked | None,
) -> None:  # fmt: skip
    """Write how far timers had looked, and the watermark; only a later watermark replaces one.

    From then on the pipeline counts as known.
    """
    mark = retention.read(tables, pipeline)
    if watermark and mark.raised(watermark) != mark:
        retention.note(tables, pipeline, mark.raised(watermark))
    with suppress(Conflict):
        if watched:
            watermarks.note_watched(tables, pipeline, watched)
    with suppress(Conflict):
        if ticked:
            watermarks.note_tick(tables, pipeline, ticked)
    index.register(tables, pipeline, lambda: None)


def _is_there(tables: Tables, row: Row) -> bool:
    return tables.get(RUNS, row.partition, row.key) is not None
