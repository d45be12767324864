"""Reads the results of a task's items: from its row, or from the receipt that a node left.

A receipt is untrusted: it is read up to a limit, parsed strictly, and compared with its task.
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
from pipeline.handlers.published import PlannedItems
from pipeline.handlers.running import journals


def receipt_of(engine: Engine, ref: BlobRef, attempt: str, expected: tuple[int, ...]) -> Receipt:
    """Read a receipt. Raises ReceiptInvalid when it is malformed, gone, or contradicts its task."""
    try:
        content = engine.ports.blobs.read(ref, 0, MAX_RECEIPT_BYTES + 1)
    except NotFound as error:
        raise ReceiptInvalid("The receipt is gone.") from error
    return parse_receipt(content, attempt, expected)


def items_of(engine: Engine, planned: PlannedItems, result: TaskResult) -> tuple[ItemResult, ...]:
    """Return the results of a task's items, from its row or from its receipt.

    If the receipt or journal changed since it was counted, its items count as failed.
    """
    if result.items or not (result.receipt or result.cause):
        return result.items
    expected = planned.of(result.unit)
    if result.journal:
        return _from_journal(engine, result, expected)
    if not result.receipt:
        return failed_items(expected, result.cause or Cause.OUTPUT_LOST, result.why)
    try:
        ref = BlobRef(naming.RECEIPTS, result.receipt)
        return receipt_of(engine, ref, result.attempt, expected).items
    except ReceiptInvalid as error:
        why = f"Its receipt changed since it was counted: {error}"
        return failed_items(expected, Cause.OUTPUT_LOST, why)


def _from_journal(
    engine: Engine, result: TaskResult, expected: tuple[int, ...]
) -> tuple[ItemResult, ...]:
    cause = result.cause or Cause.OUTPUT_LOST
    try:
        journal = journals.read(engine, result.journal, expected)
    except ReceiptInvalid as error:
        why = f"Its journal changed since it was counted: {error}"
        return failed_items(expected, Cause.OUTPUT_LOST, why)
    return journal.with_rest(expected, cause, result.why)
