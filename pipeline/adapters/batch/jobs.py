"""Creates Azure Batch jobs, adds tasks in chunks, closes, ends and deletes them."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from azure.batch import BatchClient
from azure.batch.models import (
    BatchAllTasksCompleteMode,
    BatchJobUpdateOptions,
    BatchTaskCreateOptions,
    BatchTaskCreateResult,
    BatchTaskGroup,
)
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from pipeline.adapters.batch import client as batch_client
from pipeline.adapters.batch.client import JOB_EXISTS, JOB_GONE, batch, send, time_literal
from pipeline.adapters.batch.specs import METADATA, Specs
from pipeline.adapters.identity import signatures
from pipeline.adapters.translate import code_of
from pipeline.errors import JobGone, Permanent, Transient
from pipeline.ports.batch import JobSpec, TaskSpec
from pipeline.settings import Settings

_TASKS = 100
_BYTES = 900_000  # the service accepts 1 MB, of which the frame of the request needs some
_PATIENCE_S = 60.0
_LONGEST_DELAY_S = 8.0

type Model = BatchTaskCreateOptions


class AzureJobs:
    """The jobs port. It avoids the SDK's own `create_tasks`, which may retry without end."""

    def __init__(
        self, client: BatchClient, specs: Specs, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._specs = specs
        self._sleep = sleep

    def create(self, spec: JobSpec) -> None:
        """Create the job; an existing one is fine. Raises QuotaReached."""
        with batch(f"create the job {spec.id}"):
            try:
                self._client.create_job(self._specs.job(spec))
            except ResourceExistsError as error:
                if code_of(error) not in JOB_EXISTS:
                    raise

    def add(self, job: str, tasks: Sequence[TaskSpec]) -> None:
        """Add tasks; existing ones are fine.

        Raises JobGone, or Transient when some could not be added yet.
        """
        pending = deque(_chunks([self._specs.task(task) for task in tasks]))
        patience, delay = _PATIENCE_S, 0.5
        while pending:
            chunk = pending.popleft()
            refused = self._add(job, chunk)
            if refused:
                pending.append(refused)
                if patience <= 0:
                    raise Transient(f"The job {job} has not accepted all of its tasks yet.")
                self._sleep(delay)
                patience, delay = patience - delay, min(2 * delay, _LONGEST_DELAY_S)

    def close(self, job: str) -> None:
        """Let the job complete once all its tasks have; a job that is over or gone is fine."""
        ending = BatchJobUpdateOptions(
            all_tasks_complete_mode=BatchAllTasksCompleteMode.TERMINATE_JOB
        )
        self._unless_gone(f"close {job}", lambda: self._client.update_job(job, ending))

    def terminate(self, job: str) -> None:
        """End the job and its tasks now; a job that is over or gone is fine."""
        self._unless_gone(
            f"terminate {job}", lambda: send(self._client, "POST", f"/jobs/{job}/terminate")
        )

    def reap(self, completed_before: datetime) -> int:
        """Delete the engine's jobs that completed before a time; return how many."""
        old = f"state eq 'completed' and executionInfo/endTime lt {time_literal(completed_before)}"
        reaped = 0
        with batch("list completed jobs"):
            jobs = list(self._client.list_jobs(filter=old, select=["id", "metadata"]))
        for job in jobs:
            if any(item.name == METADATA for item in job.metadata or []):
                self._delete(job.id)
                reaped += 1
        return reaped

    def _delete(self, job: str) -> None:
        self._unless_gone(f"delete {job}", lambda: send(self._client, "DELETE", f"/jobs/{job}"))

    def _unless_gone(self, action: str, call: Callable[[], object]) -> None:
        try:
            with batch(action):
                call()
        except JobGone:
            return

    def _add(self, job: str, chunk: list[Model]) -> list[Model]:
        """Add one chunk; return the tasks that must be added again."""
        with batch(f"add tasks to {job}"):
            try:
                added = self._client.create_task_collection(job, BatchTaskGroup(task_values=chunk))
            except HttpResponseError as error:
                if code_of(error) != "RequestBodyTooLarge" or len(chunk) == 1:
                    raise
                middle = len(chunk) // 2
                return self._add(job, chunk[:middle]) + self._add(job, chunk[middle:])
        again = {result.task_id for result in added.result_values or [] if _try_again(result)}
        return [task for task in chunk if task.id in again]


def connect(settings: Settings) -> AzureJobs:
    """Connect to the Batch account's jobs."""
    identity = "" if settings.local else settings.node_identity
    return AzureJobs(batch_client.connect(settings), Specs(signatures.connect(settings), identity))


def _try_again(result: BatchTaskCreateResult) -> bool:
    status = str(getattr(result.status, "value", result.status)).lower()
    code = (result.error.code if result.error else None) or status
    if status == "success" or code == "TaskExists":
        return False
    if code in JOB_GONE:
        raise JobGone(f"The task {result.task_id} was not added: {code}.")
    if status == "servererror":
        return True
    raise Permanent(f"The task {result.task_id} was refused: {code}.")


def _chunks(tasks: Sequence[Model]) -> Iterator[list[Model]]:
    """Yield the tasks in order, in chunks that the service accepts in one request."""
    chunk: list[Model] = []
    size = 0
    for task in tasks:
        grown = len(json.dumps(task.as_dict())) + 1
        if chunk and (len(chunk) == _TASKS or size + grown > _BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(task)
        size += grown
    if chunk:
        yield chunk
