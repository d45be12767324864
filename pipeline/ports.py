"""What the engine needs of the world: Protocols of a few verbs, and the values that cross them.

Every verb is safe to repeat. Raised errors are those of `pipeline.errors`: `Conflict` when a
condition did not hold, `NotFound`, `QuotaReached`, `JobGone`, `Transient` when trying later may
help, `Permanent` otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

type Value = str | int | float | bool | datetime


# --- Table Storage -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One entity: keys, values and, when it was read, its ETag (opaque)."""

    partition: str
    key: str
    values: Mapping[str, Value]
    etag: str | None = None


@dataclass(frozen=True)
class Insert:
    """Create a row; a conflict if its key exists."""

    row: Row


@dataclass(frozen=True)
class Replace:
    """Replace a row as a whole if its ETag is still `row.etag`; a conflict if changed or gone."""

    row: Row


@dataclass(frozen=True)
class Remove:
    """Delete a row whatever its ETag; a row that is gone already is fine when alone, a conflict in
    a group.
    """

    key: str


type Operation = Insert | Replace | Remove


class Tables(Protocol):
    """Table Storage: point reads, range queries and transactions within one partition."""

    def get(self, table: str, partition: str, key: str) -> Row | None:
        """Read one row, or None."""

    def query(self, table: str, partition: str, first: str = "", before: str = "") -> Iterator[Row]:
        """Yield the rows with first <= key < before in key order ("" means open)."""

    def transact(self, table: str, partition: str, operations: Sequence[Operation]) -> list[str]:
        """Apply up to 100 operations on one partition, all or nothing; return the new ETags.

        A removal returns "". Raises `TransactionConflict`, which says which operation failed.
        """


# --- Blob Storage ------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class BlobRef:
    """A blob by name, or one immutable snapshot of it."""

    container: str
    name: str
    snapshot: str | None = None


@dataclass(frozen=True)
class BlobFacts:
    """What Storage says of a blob; `etag` is canonical: unquoted."""

    ref: BlobRef
    etag: str
    size: int
    modified: datetime
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class Blobs(Protocol):
    """Blob Storage: whole small blobs, streams, and listings."""

    def head(self, ref: BlobRef) -> BlobFacts | None:
        """Return the blob's facts, or None where there is none."""

    def read(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> bytes:
        """Return a range of the blob (all by default); shorter at its end. Raises NotFound."""

    def stream(self, ref: BlobRef) -> Iterator[bytes]:
        """Yield the blob's content in chunks of a few MiB. Raises NotFound."""

    def list(self, container: str, prefix: str) -> Iterator[BlobFacts]:
        """Yield the blobs below a prefix in name order (no snapshots; metadata included)."""

    def url(self, ref: BlobRef) -> str:
        """Return the blob's URL without any credential."""


class BlobWriter(Protocol):
    """Blob Storage: the writes, each one commit."""

    def write(
        self, ref: BlobRef, content: bytes, condition: str | None = None, content_type: str = ""
    ) -> str:
        """Write a small blob; return its ETag. condition: None any, "*" only if absent, else an
        ETag. Conflict.
        """

    def upload(
        self,
        ref: BlobRef,
        chunks: Iterable[bytes],
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> BlobFacts:
        """Write a blob of any size from a stream, committed by one block list."""

    def compose(self, ref: BlobRef, parts: Sequence[BlobRef], content_type: str = "") -> BlobFacts:
        """Join up to 50,000 blobs of this account server-side, committed by one block list."""

    def copy(self, source: BlobRef, target: BlobRef) -> BlobFacts:
        """Copy within the account unless the target exists; either way return the target's facts.
        NotFound.
        """

    def snapshot(self, ref: BlobRef, etag: str) -> BlobRef:
        """Take an immutable snapshot of exactly that version. Raises Conflict (other ETag) or
        NotFound; Permanent when that version cannot be pinned.
        """

    def delete(self, ref: BlobRef) -> None:
        """Delete a blob with its snapshots, or only the snapshot that is named; gone is fine."""


# --- Queues ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QueueMessage:
    """A received message: text body, and the receipt that deletes it."""

    id: str
    body: str
    receipt: str
    dequeue_count: int = 1


class Queues(Protocol):
    """Storage queues; bodies are text (Base64 on the wire, as the Functions host and Event Grid use
    it).
    """

    def send(self, queue: str, body: str, delay: timedelta = timedelta()) -> None:
        """Put a message, visible after `delay`."""

    def receive(self, queue: str, limit: int) -> list[QueueMessage]:
        """Take up to `limit` messages (several calls of 32), hidden for five minutes."""

    def delete(self, queue: str, message: QueueMessage) -> None:
        """Delete a received message; one that is gone or was received again is fine."""


# --- Batch -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InputFile:
    """A blob that Batch puts into a task's working directory before it starts."""

    url: str
    path: str


@dataclass(frozen=True)
class Upload:
    """Files that Batch uploads when a task completes: a pattern in the working directory to a
    folder of a container.
    """

    pattern: str
    container: str
    folder: str
    condition: Literal["taskcompletion", "tasksuccess", "taskfailure"] = "taskcompletion"


@dataclass(frozen=True)
class TaskSpec:
    """One Batch task; `command` is run without a shell."""

    id: str
    command: str
    inputs: Sequence[InputFile]
    uploads: Sequence[Upload]
    environment: Mapping[str, str]
    limit: timedelta
    retries: int = 0
    slots: int = 1


@dataclass(frozen=True)
class JobSpec:
    """One Batch job and the preparation that each of its nodes does first."""

    id: str
    pool: str
    priority: int
    limit: timedelta
    preparation: str
    preparation_inputs: Sequence[InputFile]
    run: str


class Jobs(Protocol):
    """Azure Batch jobs, as far as a run drives them. Never deletes a job that may still upload."""

    def create(self, spec: JobSpec) -> None:
        """Create the job with onAllTasksComplete=noaction; one that exists is fine. Raises
        QuotaReached.
        """

    def add(self, job: str, tasks: Sequence[TaskSpec]) -> None:
        """Add tasks; those that exist are fine. Raises JobGone, or Transient when some could not be
        added yet.
        """

    def close(self, job: str) -> None:
        """Let the job complete when all its tasks have (terminatejob); a job that is over or gone
        is fine.
        """

    def terminate(self, job: str) -> None:
        """End the job and its tasks now; a job that is over or gone is fine."""

    def reap(self, completed_before: datetime) -> int:
        """Delete jobs of ours that completed before a time; return how many."""


@dataclass(frozen=True)
class TaskEnd:
    """How Batch saw a completed task that failed in its eyes."""

    task: str
    ended_at: datetime
    code: str
    category: str
    message: str
    exit_code: int | None


@dataclass(frozen=True)
class JobReport:
    """What Batch says of a job. state "" means there is no such job."""

    state: str
    active: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    preparation_error: str = ""


@dataclass(frozen=True)
class PoolReport:
    """What Batch says of a pool. state "" means there is no such pool."""

    state: str
    allocation: str = ""
    nodes: int = 0
    target_nodes: int = 0
    unusable_nodes: int = 0
    errors: Sequence[str] = ()
    formula: str = ""


class Cluster(Protocol):
    """Azure Batch, observed; and its pools' formulas, pushed."""

    def job(self, job: str) -> JobReport:
        """Report the job's state and task counts."""

    def failures(self, job: str, ended_before: datetime) -> Iterator[TaskEnd]:
        """Yield the tasks that completed before a time with result failure (server-side filter)."""

    def unstarted_or_running(self, job: str) -> set[str]:
        """Return the ids of tasks that have not completed."""

    def pool(self, pool: str) -> PoolReport:
        """Report the pool's state, nodes and errors."""

    def push_formula(self, pool: str, formula: str) -> None:
        """Enable autoscale with this formula. Raises Transient when the pool resizes or was pushed
        just now.
        """


# --- Events, time, chance ----------------------------------------------------------------------


class Events(Protocol):
    """The Event Grid custom topic."""

    def publish(self, event: Mapping[str, object]) -> None:
        """Publish one CloudEvent 1.0 (its JSON form: id, source, type, subject, time, data)."""


class Clock(Protocol):
    """Time and chance, so that tests decide both."""

    def now(self) -> datetime:
        """Return the time, UTC."""

    def token(self) -> str:
        """Return 16 random hexadecimal digits."""


@dataclass(frozen=True)
class Ports:
    """The world, as one value."""

    tables: Tables
    blobs: Blobs
    writer: BlobWriter
    queues: Queues
    jobs: Jobs
    cluster: Cluster
    events: Events
    clock: Clock
