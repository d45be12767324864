"""Reads the results of a task's items: from its row, or from the receipt that a node left.

A receipt is untrusted: it is read up to a limit, parsed strictly, and compared with its task.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.naming import BlobRef, ReceiptPath
from pipeline.domain.runs.results import (
    MAX_RECEIPT_BYTES,
    ItemResult,
    Receipt,
    ReceiptInvalid,
    TaskResult,
    failed_items,
    parse_receipt,
)
from pipeline.errors import FanfareError, NotFound
from pipeline.handlers.engine import Engine
from pipeline.handlers.published import PlannedItems
from pipeline.handlers.running import journals

_READERS = 8
type Items = tuple[ItemResult, ...]


def receipt_of(engine: Engine, ref: BlobRef, attempt: str, expected: tuple[int, ...]) -> Receipt:
    """Read a receipt. Raises ReceiptInvalid when it is malformed, gone, or contradicts its task."""
    try:
        content = engine.ports.blobs.read(ref, 0, MAX_RECEIPT_BYTES + 1)
    except NotFound as error:
        raise ReceiptInvalid("The receipt is gone.") from error
    return parse_receipt(content, attempt, expected)


def result_of(path: ReceiptPath, receipt: Receipt, at: datetime) -> TaskResult:
    """Make the result of a task from its receipt, which was counted at a time.

    The engine writes its own receipts after all uploads: they do not tell how long those took.
    """
    came_at = None if path.is_engines else path.came_at
    return TaskResult(
        unit=path.unit,
        execution=path.execution,
        attempt=path.attempt,
        address=path.address,
        node=receipt.node,
        device=receipt.device,
        seconds=receipt.seconds,
        download_seconds=receipt.download_seconds,
        upload_seconds=receipt.upload_seconds(came_at),
        receipt=path.blob.name,
        at=at,
        items=receipt.items,
    )


def items_of(engine: Engine, planned: PlannedItems, result: TaskResult) -> Items:
    """Return the results of a task's items, from its row or from its receipt.

    If the receipt or journal changed since it was counted, its items count as failed.
    """
    return result.items if _in_row(result) else _elsewhere(engine, result, planned.of(result.unit))


def all_items(
    engine: Engine, planned: PlannedItems, results: Iterable[TaskResult]
) -> Iterator[tuple[TaskResult, Callable[[], Items]]]:
    """Yield results in their order, each with a call that returns its items as `items_of` does.

    Receipts are read several at a time, and only a few are held. A call raises what its task's
    receipt or page of the plan did; it does not affect the others.
    """
    with ThreadPoolExecutor(_READERS) as pool:
        begun: deque[tuple[TaskResult, Callable[[], Items]]] = deque()
        for result in results:
            begun.append((result, _begun(pool, engine, planned, result)))
            if len(begun) > _READERS:
                yield begun.popleft()
        yield from begun


def _begun(
    pool: ThreadPoolExecutor, engine: Engine, planned: PlannedItems, result: TaskResult
) -> Callable[[], Items]:
    """Begin to read a task's items, unless its row has them."""
    if _in_row(result):
        return lambda: result.items
    try:
        expected = planned.of(result.unit)  # here, since it keeps the page for the next task
    except FanfareError as error:
        failed = Future[Items]()
        failed.set_exception(error)
        return failed.result
    return pool.submit(_elsewhere, engine, result, expected).result


def _in_row(result: TaskResult) -> bool:
    return bool(result.items) or not (result.receipt or result.cause)


def _elsewhere(engine: Engine, result: TaskResult, expected: tuple[int, ...]) -> Items:
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


def _from_journal(engine: Engine, result: TaskResult, expected: tuple[int, ...]) -> Items:
    cause = result.cause or Cause.OUTPUT_LOST
    try:
        journal = journals.read(engine, result.journal, expected)
    except ReceiptInvalid as error:
        why = f"Its journal changed since it was counted: {error}"
        return failed_items(expected, Cause.OUTPUT_LOST, why)
    return journal.with_rest(expected, cause, result.why)
