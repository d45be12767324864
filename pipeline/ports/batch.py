"""Azure Batch: what jobs and tasks are made of, and the ports that drive and observe them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from pipeline.domain.waiting.reports import JobReport, PoolReport, TaskEnd


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


class Cluster(Protocol):
    """Azure Batch, observed; and its pools' formulas, pushed."""

    def job(self, job: str) -> JobReport:
        """Report the job's state, its task counts, and how far its nodes are prepared."""

    def failures(self, job: str, ended_before: datetime) -> Iterator[TaskEnd]:
        """Yield the tasks that completed before a time with result failure (server-side filter)."""

    def unstarted_or_running(self, job: str) -> set[str]:
        """Return the ids of tasks that have not completed."""

    def pool(self, pool: str) -> PoolReport:
        """Report the pool's state, nodes and errors."""

    def last_words(self, pool: str, node: str, job: str = "") -> str:
        """Return the end (4 KiB) of what a node's start task, or a job's preparation on it, wrote
        to its error output or else to its output; "" when the node or the file is gone.
        """

    def push_formula(self, pool: str, formula: str) -> None:
        """Enable autoscale with this formula. Raises Transient when the pool resizes or was pushed
        just now.
        """
