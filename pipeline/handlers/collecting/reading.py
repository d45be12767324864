"""Reads what became of a task's items: from its row, or from the receipt that a node left.

A receipt is a stranger's text: read up to its limit, parsed strictly, held against its task.
"""

from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.results import (
    MAX_RECEIPT_BYTES,
    ItemResult,
    Receipt,
    ReceiptInvalid,
    TaskResult,
    failed_items,
    parse_receipt,
)
from pipeline.errors import NotFound
from pipeline.handlers.engine import Engine
from pipeline.handlers.running.executions import PlannedItems


def receipt_of(engine: Engine, ref: BlobRef, attempt: str, expected: tuple[int, ...]) -> Receipt:
    """Read a receipt; raises ReceiptInvalid when it is damaged, gone, or not that of its task."""
    try:
        content = engine.ports.blobs.read(ref, 0, MAX_RECEIPT_BYTES + 1)
    except NotFound as error:
        raise ReceiptInvalid("The receipt is gone.") from error
    return parse_receipt(content, attempt, expected)


def items_of(engine: Engine, planned: PlannedItems, result: TaskResult) -> tuple[ItemResult, ...]:
    """Return what became of a task's items, from wherever its row could keep it.

    A receipt that changed since it was counted turns its items into failed ones.
    """
    if result.items or not (result.receipt or result.cause):
        return result.items
    expected = planned.of(result.unit)
    if not result.receipt:
        return failed_items(expected, result.cause or Cause.OUTPUT_LOST, result.why)
    try:
        ref = BlobRef(naming.RECEIPTS, result.receipt)
        return receipt_of(engine, ref, result.attempt, expected).items
    except ReceiptInvalid as error:
        why = f"Its receipt changed since it was counted: {error}"
        return failed_items(expected, Cause.OUTPUT_LOST, why)
