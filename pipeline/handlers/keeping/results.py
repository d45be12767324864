"""Puts back the results of tasks from the receipts that nodes left.

A receipt is a stranger's word. It counts only in a folder whose name follows from the generation's
seal, for an item of the plan, and if all receipts together do not claim more than the verdict of
the run counted. Otherwise nothing is put back, and a redrive executes everything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, islice

from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import TERMINAL
from pipeline.domain.runs.naming import Generation, ReceiptPath
from pipeline.domain.runs.results import MAX_RECEIPT_BYTES, ReceiptInvalid, TaskResult
from pipeline.domain.runs.run import PublishedPlan, Run
from pipeline.errors import Permanent
from pipeline.handlers.collecting.reading import receipt_of, result_of
from pipeline.handlers.engine import Engine
from pipeline.handlers.published import PlannedItems
from pipeline.ledger import tasks
from pipeline.ports.blobs import BlobFacts

_AT_ONCE = 200


@dataclass
class Found:
    """What the receipts of a run came to; `refused` says which do not count, and why."""

    rows: int = 0
    succeeded: set[int] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


def put_back(
    engine: Engine, run: Run, generation: int, plan: PublishedPlan | None, seal: str, found: Found
) -> None:
    """Record the results of one generation of a run from its receipts."""
    names = Generation(run.id, generation, seal)
    if not seal:
        found.refused.append(f"{run.id} g{generation}: no backup has the names of its receipts")
        return
    planned = PlannedItems(engine, plan)
    results = _results(engine, names, plan.tasks if plan else 0, planned, found)
    while group := list(islice(results, _AT_ONCE)):
        finished = tasks.finish(engine.ports.tables, run.id, generation, group)
        found.rows += len(finished.recorded)


def withdraw_if_false(engine: Engine, run: Run, found: Found) -> None:
    """Delete what was put back if it claims more than the run's verdict counted."""
    if run.state not in TERMINAL or len(found.succeeded) <= run.succeeded:
        return
    tasks.forget(engine.ports.tables, run.id, run.generation)
    found.rows = 0
    found.refused.append(
        f"{run.id}: its receipts claim {len(found.succeeded):,} items, its verdict counted "
        f"{run.succeeded:,}: none is put back, and a redrive executes everything"
    )


def latest_execution(engine: Engine, names: Generation) -> int:
    """Return the last execution that left a receipt, by the names of blobs."""
    listed = engine.ports.blobs.list(naming.RECEIPTS, names.receipts())
    paths = (naming.parse_receipt_path(facts.ref.name) for facts in listed)
    return max((p.execution for p in paths if p and names.knows(p.address)), default=0)


def _results(
    engine: Engine, names: Generation, planned_tasks: int, planned: PlannedItems, found: Found
) -> Iterator[TaskResult]:
    listed = engine.ports.blobs.list(naming.RECEIPTS, names.receipts())
    ours = _ours(names, planned_tasks, listed, found)
    for unit, receipts in groupby(ours, key=lambda pair: pair[0].unit):
        path, facts = max(receipts, key=_counts_before)
        try:
            expected = planned.of(unit)
            receipt = receipt_of(engine, path.blob, path.attempt, expected)
        except (ReceiptInvalid, Permanent, ValueError) as error:
            found.refused.append(f"{path.blob.name}: {error}"[:500])
            continue
        if naming.unit_number(unit) is not None:
            found.succeeded |= {item.id for item in receipt.items if item.succeeded}
        came = replace(path, came_at=facts.modified)
        yield result_of(came, receipt, facts.modified)


def _counts_before(pair: tuple[ReceiptPath, BlobFacts]) -> tuple[int, float]:
    """Order receipts of a unit: the last execution counts, and of it the first attempt."""
    path, facts = pair
    return path.execution, -facts.modified.timestamp()


def _ours(
    names: Generation, planned_tasks: int, listed: Iterable[BlobFacts], found: Found
) -> Iterator[tuple[ReceiptPath, BlobFacts]]:
    for facts in listed:
        path = naming.parse_receipt_path(facts.ref.name)
        if path is None:
            continue
        number = naming.unit_number(path.unit)
        if not names.knows(path.address):
            found.refused.append(f"{facts.ref.name}: nobody was told to put it there")
        elif facts.size > MAX_RECEIPT_BYTES or (number or 0) >= max(planned_tasks, 1):
            found.refused.append(f"{facts.ref.name}: it is too large, or of no task of the plan")
        else:
            yield path, facts
