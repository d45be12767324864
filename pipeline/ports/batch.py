"""Azure Batch: the parts of jobs and tasks, and the ports that drive and observe them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from pipeline.domain.waiting.reports import JobReport, PoolReport, TaskEnd, Unconfirmed


@dataclass(frozen=True)
class InputFile:
    """A blob that Batch puts into a task's working directory before it starts."""

    url: str
    path: str


@dataclass(frozen=True)
class Upload:
    """Files that Batch uploads when a task completes.

    `pattern` is relative to the task's working directory. `folder` is below `container`; for a
    pattern without wildcards it is the whole name of the blob.
    """

    pattern: str
    container: str
    folder: str
    condition: Literal["taskcompletion", "tasksuccess", "taskfailure"] = "taskcompletion"


@dataclass(frozen=True)
class Mount:
    """A folder of the node that a container sees at the same path."""

    source: Literal["Task", "JobPrep", "Shared"]
    read_only: bool = False


@dataclass(frozen=True)
class Container:
    """The container in which a task runs: its image, options of its creation, and its mounts."""

    image: str
    options: Sequence[str]
    mounts: Sequence[Mount]


@dataclass(frozen=True)
class TaskSpec:
    """One Batch task; `command` runs without a shell.

    `access_until` is when its access to blobs expires.
    """

    id: str
    command: str
    inputs: Sequence[InputFile]
    uploads: Sequence[Upload]
    environment: Mapping[str, str]
    limit: timedelta
    access_until: datetime
    retries: int = 0
    slots: int = 1
    container: Container | None = None


@dataclass(frozen=True)
class JobSpec:
    """One Batch job, and the preparation that each node runs before the job's tasks.

    `release` is a command that each prepared node runs when the job is over.
    """

    id: str
    pool: str
    priority: int
    limit: timedelta
    preparation: str
    preparation_inputs: Sequence[InputFile]
    run: str
    access_until: datetime
    release: str = ""


@dataclass(frozen=True)
class FilePart:
    """Some of a file on a node, and the size of the whole."""

    size: int
    content: bytes


class Jobs(Protocol):
    """The calls by which a run drives its jobs. None deletes a job that may still upload."""

    def create(self, spec: JobSpec) -> None:
        """Create the job with onAllTasksComplete=noaction; an existing one is fine.

        Raises QuotaReached.
        """

    def add(self, job: str, tasks: Sequence[TaskSpec]) -> None:
        """Add tasks; existing ones are fine.

        Raises JobGone, or Transient when some could not be added yet.
        """

    def close(self, job: str) -> None:
        """Let the job complete once all its tasks have completed (terminatejob).

        A job that is over or gone is fine.
        """

    def terminate(self, job: str) -> None:
        """End the job and its tasks now; a job that is over or gone is fine."""

    def reap(self, completed_before: datetime) -> Iterator[str]:
        """Delete the engine's jobs that completed before a time; yield each that is deleted.

        Whoever stops asking leaves the others.
        """


class Cluster(Protocol):
    """What the engine reads from Batch, and what it changes at a pool: formulas, first nodes."""

    def job(self, job: str) -> JobReport:
        """Report the job's state, its task counts, and how far its nodes are prepared."""

    def failures(self, job: str, ended_before: datetime) -> Iterator[TaskEnd]:
        """Yield the tasks that failed and completed before a time (filtered by the service)."""

    def ends(self, job: str, since: datetime | None = None) -> Iterator[TaskEnd]:
        """Yield the tasks that completed, well or not, since a time or ever, by one filtered list.

        A job that is gone has none.
        """

    def unconfirmed(self, job: str) -> Unconfirmed:
        """Return the tasks that Batch does not report as succeeded, by one filtered list.

        A job that is gone has none.
        """

    def pool(self, pool: str) -> PoolReport:
        """Report the pool's state, nodes and errors."""

    def last_words(self, pool: str, node: str, job: str = "") -> str:
        """Return the last 4 KiB that a node's start task, or a job's preparation on it, printed.

        Standard error comes first; standard output is read where that is empty. Returns "" when
        the node or the file is gone.
        """

    def task_file(self, job: str, task: str, path: str, offset: int) -> FilePart | None:
        """Return what a file of a task has from an offset on, at most 1 MiB of it.

        The task may be running. None if it has no such file, or its node is gone. Raises Transient.
        """

    def push_formula(self, pool: str, formula: str) -> None:
        """Enable autoscale with this formula; its evaluations keep their rhythm.

        Raises Transient while the pool resizes, or when it got a formula just now.
        """

    def resize_by_hand(self, pool: str, dedicated: int, spot: int) -> None:
        """Disable autoscale and begin a resize, unless somebody changes the pool in between.

        The pool keeps its size until it gets a formula again. Raises Conflict, and Transient while
        it resizes.
        """
