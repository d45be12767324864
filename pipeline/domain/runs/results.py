"""How tasks and items ended: receipts from nodes, and results as the ledger keeps them."""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, ValidationError

from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Permanent

MAX_RECEIPT_BYTES = 1 << 20
MAX_PACKED = 4 << 20  # bytes of an output that lies in a pack
LONGEST_TRANSFER_S = 7 * 86_400.0  # a node's access to blobs ends sooner
MOST_DEVICES = 16  # kinds that a run names
ATTEMPTS = 64  # that one receipt may go on from
_JOURNAL = re.compile(r"(?:.*/)?p-([0-9a-f]{16})\.jsonl")
Attempts = tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")], ...]


class ReceiptInvalid(Permanent):
    """The receipt is malformed or contradicts its task."""


class _Claim(Stored):
    """Part of a receipt: a node's claim, within bounds. A later release may have written it."""

    model_config = ConfigDict(allow_inf_nan=False)


class ItemOutput(_Claim):
    """One output of an item: its name, and the blob that holds it below the task's address.

    With `offset` it begins there in a pack, a blob of many outputs; else the blob is the output.
    Without the runner nobody on the node computes a digest; assembly does, when it reads the blob.
    """

    name: str = Field(min_length=1, max_length=512)
    blob: str = Field(min_length=1, max_length=600)
    offset: int | None = Field(default=None, ge=0, le=1 << 50)
    size: int = Field(ge=0, le=1 << 50)
    sha256: str = Field(default="", pattern=r"^(?:[0-9a-f]{64})?$")


class ItemOutcome(StrEnum):
    """How an item ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ItemResult(_Claim):
    """How one item ended, with its outputs, and the most bytes that one of its tries took."""

    id: int = Field(ge=0)
    outcome: ItemOutcome
    cause: Cause | None = None
    exit_code: int | None = None
    tries: int = Field(default=1, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    memory: int = Field(default=0, ge=0, le=1 << 50)
    disk: int = Field(default=0, ge=0, le=1 << 50)
    tail: str = Field(default="", max_length=4000)
    outputs: tuple[ItemOutput, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the item's outputs count."""
        return self.outcome is ItemOutcome.SUCCEEDED


class Device(_Claim):
    """What a task that asked for a GPU ran on: `cuda:0` with model and driver, or `cpu`."""

    device: str = Field(pattern=r"^[a-z]{1,16}(:[0-9]{1,3})?$")
    name: str = Field(default="", max_length=100)
    driver: str = Field(default="", max_length=100)

    def __str__(self) -> str:
        driver = f" (driver {self.driver})" if self.driver else ""
        return f"{self.name or self.device}{driver}"


class Receipt(_Claim):
    """The receipt that an attempt leaves; `after` are the attempts that it goes on from.

    `device` is None for a task that asked for no GPU. `seconds` begin when the task's files are
    there, and end before its uploads: `download_seconds` are the ones before, None if unknown.
    Without the runner, `seconds` are the whole task by Batch's word.
    """

    version: int = Field(ge=1, le=1)
    attempt: str = Field(pattern=r"^[0-9a-f]{16}$")
    after: Attempts = Field(default=(), max_length=ATTEMPTS)
    node: str = Field(default="", max_length=128)
    device: Device | None = None
    started_at: str = Field(default="", max_length=40)
    ended_at: str = Field(default="", max_length=40)
    seconds: float = Field(ge=0)
    download_seconds: float | None = Field(default=None, ge=0, le=LONGEST_TRANSFER_S)
    items: tuple[ItemResult, ...]

    def upload_seconds(self, came_at: datetime | None) -> float | None:
        """Return how long after the runner's end the receipt came to Storage, None if unknown.

        The agent uploads it last. Node and service have a clock each: if the receipt came before it
        was written, or long after, a clock is wrong.
        """
        try:
            ended = datetime.fromisoformat(self.ended_at)
        except ValueError:
            return None
        if came_at is None or ended.tzinfo is None:
            return None
        took = (came_at - ended).total_seconds()
        return round(took, 3) if 0 <= took <= LONGEST_TRANSFER_S else None


class DeviceUse(Device):
    """A device, and how many tasks and stage programs ran on such a one."""

    tasks: int = Field(ge=1)


class Devices:
    """Counts what tasks ran on; nodes name the devices, so only the first kinds are kept."""

    def __init__(self, known: Iterable[DeviceUse] = ()) -> None:
        self._counted = {Device(**use.model_dump(exclude={"tasks"})): use.tasks for use in known}

    def add(self, device: Device | None) -> None:
        """Count one task."""
        if device and (device in self._counted or len(self._counted) < MOST_DEVICES):
            self._counted[device] = self._counted.get(device, 0) + 1

    @property
    def uses(self) -> tuple[DeviceUse, ...]:
        """The kinds of devices, the most used first."""
        ordered = sorted(self._counted.items(), key=lambda kind: (-kind[1], str(kind[0])))
        return tuple(DeviceUse(**dict(device), tasks=tasks) for device, tasks in ordered)


class TaskState(StrEnum):
    """The state of a task in the ledger; a task without a row has not reported yet."""

    DONE = "done"
    RETRYING = "retrying"


class PastExecution(Stored):
    """Why a task got another execution, and which attempt no longer counts ("" for none).

    The further execution goes on from `journal`, a blob, if there is one.
    """

    cause: Cause
    attempt: str = ""
    journal: str = ""


class TaskResult(Stored):
    """What the ledger holds about a task or stage program.

    `seconds` are those of its receipts, summed over its executions; `download_seconds` and
    `upload_seconds` those of the execution that counts, None if unknown.

    It is the result that counts, or the note that another execution is under way. Of a task without
    a receipt, `journal` is the blob that says which items were finished nevertheless. The outputs
    lie at `address`; a row of an older release has none, and then it is the unit.
    """

    unit: str
    state: TaskState = TaskState.DONE
    execution: int = 0
    attempt: str = ""
    address: str = ""
    node: str = ""
    device: Device | None = None
    seconds: float = 0.0
    download_seconds: float | None = None
    upload_seconds: float | None = None
    receipt: str = ""
    journal: str = ""
    why: str = ""
    cause: Cause | None = None
    at: datetime | None = None
    items: tuple[ItemResult, ...] = ()
    repeats: tuple[PastExecution, ...] = ()

    def executed_anew_for(self, cause: Cause) -> int:
        """Return how many further executions the task got for a cause."""
        return sum(past.cause is cause for past in self.repeats)

    def address_of(self, blob: str) -> str:
        """Return where an output lies, which this execution or one that it goes on from left."""
        for journal in (self.journal, *(past.journal for past in self.repeats)):
            attempt = journal_attempt(journal)
            if attempt and naming.is_output_of(blob, attempt):
                return journal_address(journal)
        return self.address or self.unit

    def rejects(self, attempt: str) -> bool:
        """Return whether an attempt was rejected and does not count."""
        return bool(attempt) and any(past.attempt == attempt for past in self.repeats)

    @property
    def failed(self) -> int:
        """How many of its items failed."""
        return sum(not item.succeeded for item in self.items)


class TaskSeconds(Stored):
    """What the seconds of tasks were for; only `tasks` of which all three are known are summed."""

    tasks: int = 0
    download: float = 0.0
    run: float = 0.0
    upload: float = 0.0

    @classmethod
    def of(cls, result: TaskResult) -> Self:
        """Return those of one task."""
        download, upload = result.download_seconds, result.upload_seconds
        if download is None or upload is None:
            return cls()
        return cls(tasks=1, download=download, run=result.seconds, upload=upload)

    def __add__(self, other: Self) -> Self:
        return type(self)(
            tasks=self.tasks + other.tasks,
            download=round(self.download + other.download, 3),
            run=round(self.run + other.run, 3),
            upload=round(self.upload + other.upload, 3),
        )


def parse_receipt(content: bytes, attempt: str, expected: tuple[int, ...]) -> Receipt:
    """Read a receipt for the items of its task. Raises ReceiptInvalid, which says what is wrong."""
    if len(content) > MAX_RECEIPT_BYTES:
        size = f"{len(content):,} bytes; the limit is {MAX_RECEIPT_BYTES:,}"
        raise ReceiptInvalid(f"The receipt has {size}.")
    try:
        receipt = Receipt.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ReceiptInvalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if receipt.attempt != attempt:
        raise ReceiptInvalid("The receipt and the name of its blob have different attempts.")
    if tuple(item.id for item in receipt.items) != expected:
        raise ReceiptInvalid("The receipt's items are not those of its task.")
    for item in receipt.items:
        check_item(item, {attempt, *receipt.after})
    return receipt


def check_item(item: ItemResult, attempts: Collection[str]) -> None:
    """Check that an item's entry is consistent, and its outputs of these attempts.

    Raises ReceiptInvalid.
    """
    if item.succeeded and item.cause is not None:
        raise ReceiptInvalid(f"Item {item.id} succeeded but has a cause of failure.")
    if not item.succeeded and item.cause is None:
        raise ReceiptInvalid(f"Item {item.id} failed without a cause.")
    if len({output.name for output in item.outputs}) != len(item.outputs):
        raise ReceiptInvalid(f"Item {item.id} names an output twice.")
    for output in item.outputs:
        if output.offset is not None and output.size > MAX_PACKED:
            raise ReceiptInvalid(f"Item {item.id} names an output that is too large for a pack.")
        if not any(naming.is_output_of(output.blob, attempt) for attempt in attempts):
            if naming.is_output_named(output.blob, output.name) and safe_name(output.name):
                continue
            raise ReceiptInvalid(f"Item {item.id} names an output of another attempt.")
        if not safe_name(output.name):
            raise ReceiptInvalid(f"Item {item.id} names an output outside its folder.")


def safe_name(name: str) -> bool:
    """Return whether a relative POSIX path stays below its folder and is printable."""
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and not any(p in {"", ".", ".."} for p in parts)


def failed_task(unit: str, items: tuple[int, ...], cause: Cause, why: str) -> TaskResult:
    """Make the result of a task without a receipt: all of its items failed for one cause."""
    return TaskResult(unit=unit, why=why[:2000], cause=cause, items=failed_items(items, cause, why))


def failed_items(items: tuple[int, ...], cause: Cause, why: str) -> tuple[ItemResult, ...]:
    """Make the results of items that all failed for one cause."""
    return tuple(
        ItemResult(id=i, outcome=ItemOutcome.FAILED, cause=cause, tail=why[:2000]) for i in items
    )


def journal_attempt(name: str) -> str | None:
    """Return the attempt that a journal's name says, or None for another name."""
    return match[1] if (match := _JOURNAL.fullmatch(name)) else None


def journal_address(name: str) -> str:
    """Return the address of the execution that left a journal."""
    return name.partition("/journal/")[2].rpartition("/")[0]
