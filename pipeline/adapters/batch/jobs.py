"""Creates Azure Batch jobs, adds tasks in chunks, closes, ends and deletes them."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from azure.batch import BatchClient
from azure.batch.models import BatchAllTasksCompleteMode, BatchJobUpdateOptions
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from pipeline.adapters.batch import client as batch_client
from pipeline.adapters.batch.client import JOB_EXISTS, JOB_GONE, batch, post, send, time_literal
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


class _Written(NamedTuple):
    """A task as JSON, written once: the SDK's models write it again for each use."""

    id: str
    text: str


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
        pending = deque(_chunks(self._written(task) for task in tasks))
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

    def reap(self, completed_before: datetime) -> Iterator[str]:
        """Delete the engine's jobs that completed before a time; yield each that is deleted."""
        old = f"state eq 'completed' and executionInfo/endTime lt {time_literal(completed_before)}"
        with batch("list completed jobs"):
            jobs = list(self._client.list_jobs(filter=old, select=["id", "metadata"]))
        for job in jobs:
            if any(item.name == METADATA for item in job.metadata or []):
                self._delete(job.id)
                yield job.id

    def _delete(self, job: str) -> None:
        self._unless_gone(f"delete {job}", lambda: send(self._client, "DELETE", f"/jobs/{job}"))

    def _unless_gone(self, action: str, call: Callable[[], object]) -> None:
        try:
            with batch(action):
                call()
        except JobGone:
            return

    def _written(self, task: TaskSpec) -> _Written:
        return _Written(task.id, json.dumps(self._specs.task(task).as_dict()))

    def _add(self, job: str, chunk: list[_Written]) -> list[_Written]:
        """Add one chunk; return the tasks that must be added again."""
        body = f'{{"value":[{",".join(task.text for task in chunk)}]}}'
        with batch(f"add tasks to {job}"):
            try:
                answer = post(self._client, f"/jobs/{job}/addtaskcollection", body)
            except HttpResponseError as error:
                if code_of(error) != "RequestBodyTooLarge" or len(chunk) == 1:
                    raise
                middle = len(chunk) // 2
                return self._add(job, chunk[:middle]) + self._add(job, chunk[middle:])
        there = {str(one.get("taskId")) for one in _results(answer) if _is_there(one)}
        return [task for task in chunk if task.id not in there]


def connect(settings: Settings) -> AzureJobs:
    """Connect to the Batch account's jobs."""
    identity = "" if settings.local else settings.node_identity
    return AzureJobs(batch_client.connect(settings), Specs(signatures.connect(settings), identity))


def _results(answer: object) -> list[dict[str, object]]:
    """Return what became of each task; none for an answer that cannot be read."""
    found = answer.get("value") if isinstance(answer, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _is_there(result: dict[str, object]) -> bool:
    """Return whether the job has the task now, and not only later."""
    status, error, task = (
        str(result.get("status")).lower(),
        result.get("error"),
        result.get("taskId"),
    )
    code = (error.get("code") if isinstance(error, dict) else None) or status
    if status == "success" or code == "TaskExists":
        return True
    if code in JOB_GONE:
        raise JobGone(f"The task {task} was not added: {code}.")
    if status == "servererror":
        return False
    raise Permanent(f"The task {task} was refused: {code}.")


def _chunks(tasks: Iterable[_Written]) -> Iterator[list[_Written]]:
    """Yield the tasks in order, in chunks that the service accepts in one request."""
    chunk: list[_Written] = []
    size = 0
    for task in tasks:
        grown = len(task.text) + 1
        if chunk and (len(chunk) == _TASKS or size + grown > _BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(task)
        size += grown
    if chunk:
        yield chunk
