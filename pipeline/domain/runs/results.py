"""What became of tasks and items: receipts from nodes, and results as the ledger keeps them."""

from datetime import datetime
from enum import StrEnum

from pydantic import ConfigDict, Field, ValidationError

from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Permanent

MAX_RECEIPT_BYTES = 1 << 20


class ReceiptInvalid(Permanent):
    """A receipt does not say what a receipt says."""


class _Claim(Stored):
    """Part of a receipt: a claim by a node, bounded; the runner may be that of a later release."""

    model_config = ConfigDict(allow_inf_nan=False)


class ItemOutput(_Claim):
    """One output of an item: its name, and the flat blob that holds it."""

    name: str = Field(min_length=1, max_length=512)
    blob: str = Field(pattern=naming.OUTPUT_BLOB)
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ItemOutcome(StrEnum):
    """How an item ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ItemResult(_Claim):
    """What became of one item."""

    id: int = Field(ge=0)
    outcome: ItemOutcome
    cause: Cause | None = None
    exit_code: int | None = None
    tries: int = Field(default=1, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    tail: str = Field(default="", max_length=4000)
    outputs: tuple[ItemOutput, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the item's outputs count."""
        return self.outcome is ItemOutcome.SUCCEEDED


class Receipt(_Claim):
    """What an attempt leaves behind."""

    version: int = Field(ge=1, le=1)
    attempt: str = Field(pattern=r"^[0-9a-f]{16}$")
    node: str = Field(default="", max_length=128)
    started_at: str = Field(default="", max_length=40)
    ended_at: str = Field(default="", max_length=40)
    seconds: float = Field(ge=0)
    items: tuple[ItemResult, ...]


class TaskState(StrEnum):
    """Where a task stands in the ledger; a task without a row has not been heard of."""

    DONE = "done"
    RETRYING = "retrying"


class PastExecution(Stored):
    """Why a task was executed anew, and which attempt does not count any more ("" for none)."""

    cause: Cause
    attempt: str = ""


class TaskResult(Stored):
    """What the ledger holds of a task (or stage program): the result that counts, or that it is
    executed anew.
    """

    unit: str
    state: TaskState = TaskState.DONE
    execution: int = 0
    attempt: str = ""
    node: str = ""
    seconds: float = 0.0
    receipt: str = ""
    why: str = ""
    cause: Cause | None = None
    at: datetime | None = None
    items: tuple[ItemResult, ...] = ()
    repeats: tuple[PastExecution, ...] = ()

    def executed_anew_for(self, cause: Cause) -> int:
        """Return how often the task was executed anew for a cause."""
        return sum(past.cause is cause for past in self.repeats)

    def rejects(self, attempt: str) -> bool:
        """Whether an attempt was found wanting and does not count."""
        return bool(attempt) and any(past.attempt == attempt for past in self.repeats)

    @property
    def failed(self) -> int:
        """How many of its items failed."""
        return sum(not item.succeeded for item in self.items)


def parse_receipt(content: bytes, attempt: str, expected: tuple[int, ...]) -> Receipt:
    """Read a receipt for the items that its task carries; raises ReceiptInvalid naming the lie."""
    if len(content) > MAX_RECEIPT_BYTES:
        raise ReceiptInvalid(f"The receipt has {len(content)} bytes; at most {MAX_RECEIPT_BYTES}.")
    try:
        receipt = Receipt.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ReceiptInvalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if receipt.attempt != attempt:
        raise ReceiptInvalid("Its attempt is not the one in its name.")
    if tuple(item.id for item in receipt.items) != expected:
        raise ReceiptInvalid("Its items are not those of its task.")
    for item in receipt.items:
        _check_item(item, attempt)
    return receipt


def _check_item(item: ItemResult, attempt: str) -> None:
    if item.succeeded and item.cause is not None:
        raise ReceiptInvalid(f"Item {item.id} succeeded, yet has a cause of failure.")
    if not item.succeeded and item.cause is None:
        raise ReceiptInvalid(f"Item {item.id} failed without a cause.")
    if len({output.name for output in item.outputs}) != len(item.outputs):
        raise ReceiptInvalid(f"Item {item.id} names an output twice.")
    for output in item.outputs:
        if not naming.is_output_of(output.blob, attempt):
            raise ReceiptInvalid(f"Item {item.id} names an output of another attempt.")
        if not safe_name(output.name):
            raise ReceiptInvalid(f"Item {item.id} names an output outside its folder.")


def safe_name(name: str) -> bool:
    """Whether a relative POSIX path stays below its folder and prints cleanly."""
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and not any(p in {"", ".", ".."} for p in parts)


def failed_task(unit: str, items: tuple[int, ...], cause: Cause, why: str) -> TaskResult:
    """Make the result of a task that left no receipt: all of its items failed for one cause."""
    return TaskResult(unit=unit, why=why[:2000], cause=cause, items=failed_items(items, cause, why))


def failed_items(items: tuple[int, ...], cause: Cause, why: str) -> tuple[ItemResult, ...]:
    """Let every item of a task have failed for one cause."""
    return tuple(
        ItemResult(id=i, outcome=ItemOutcome.FAILED, cause=cause, tail=why[:2000]) for i in items
    )
