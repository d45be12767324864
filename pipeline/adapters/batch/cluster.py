"""Reads jobs, failed tasks and pools from Azure Batch, and pushes formulas."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from azure.batch import BatchClient
from azure.batch.models import (
    AutoScaleRunError,
    BatchJobPreparationTaskExecutionInfo,
    BatchNode,
    BatchNodeError,
    BatchPoolEnableAutoScaleOptions,
    BatchTask,
    BatchTaskState,
    ResizeError,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from pipeline.adapters.batch import client as batch_client
from pipeline.adapters.batch.client import batch, send, time_literal
from pipeline.adapters.translate import code_of
from pipeline.domain.waiting.reports import (
    JobReport,
    NodeCounts,
    PoolReport,
    Preparation,
    TaskEnd,
    Trouble,
    Unconfirmed,
)
from pipeline.errors import FanfareError, JobGone, Permanent
from pipeline.ports.batch import FilePart
from pipeline.settings import Settings

_EVALUATION = timedelta(minutes=5)  # the shortest that the service accepts
# Recordings of the service have the first; its list of error codes has only the second.
_NO_PREPARATION = {
    "JobPreparationTaskOrReleaseTaskNotSpecified",
    "JobPreparationTaskNotSpecified",
}
_PREPARATION, _INFO = "jobpreparation", "jobPreparationTaskExecutionInfo"
_PREPARED, _NODES = 100, 10  # at most so many are read
_WORDS, _PART = 4096, 1 << 20  # bytes
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AzureCluster:
    """The cluster port: reads by filters and counts, never by listing every task."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client

    def job(self, job: str) -> JobReport:
        """Report the job's state, its task counts, and how far its nodes are prepared."""
        with batch(f"look at the job {job}"):
            try:
                found = self._client.get_job(job, select=["id", "state", "poolInfo"])
                counts = self._client.get_job_task_counts(job).task_counts
            except ResourceNotFoundError:
                return JobReport("")
            open_tasks = counts.active + counts.running
            preparation = self._preparation(job) if open_tasks else Preparation()
        return JobReport(
            _text(found.state),
            counts.active,
            counts.running,
            counts.succeeded,
            counts.failed,
            preparation,
            str((found.pool_info and found.pool_info.pool_id) or ""),
        )

    def failures(self, job: str, ended_before: datetime) -> Iterator[TaskEnd]:
        """Yield the tasks that failed and completed before a time (filtered by the service)."""
        failed = (
            "state eq 'completed' and executionInfo/result eq 'failure'"
            f" and executionInfo/endTime lt {time_literal(ended_before)}"
        )
        try:
            with batch(f"list failed tasks of {job}"):
                for task in self._client.list_tasks(
                    job, filter=failed, select=["id", "executionInfo"]
                ):
                    yield _end(task)
        except JobGone:
            return

    def ends(self, job: str, since: datetime | None = None) -> Iterator[TaskEnd]:
        """Yield the tasks that completed, well or not, since a time or ever, by one filtered list.

        A job that is gone has none.
        """
        ended = "state eq 'completed'"
        ended += f" and executionInfo/endTime ge {time_literal(since)}" if since else ""
        wanted = ["id", "executionInfo", "nodeInfo"]
        try:
            with batch(f"list completed tasks of {job}"):
                for task in self._client.list_tasks(job, filter=ended, select=wanted):
                    yield _end(task)
        except JobGone:
            return

    def unconfirmed(self, job: str) -> Unconfirmed:
        """Return the tasks that Batch does not report as succeeded, by one filtered list."""
        others = "state ne 'completed' or executionInfo/result eq 'failure'"
        found, failed = set[str](), dict[str, TaskEnd]()
        try:
            with batch(f"list open and failed tasks of {job}"):
                for task in self._client.list_tasks(
                    job, filter=others, select=["id", "state", "executionInfo"]
                ):
                    if task.state == BatchTaskState.COMPLETED:
                        failed[str(task.id)] = _end(task)
                    else:
                        found.add(str(task.id))
        except JobGone:
            return Unconfirmed()
        return Unconfirmed(frozenset(found), failed)

    def pool(self, pool: str) -> PoolReport:
        """Report the pool's state, nodes and errors."""
        with batch(f"look at the pool {pool}"):
            try:
                found = self._client.get_pool(pool)
            except ResourceNotFoundError:
                return PoolReport("")
            counts = self._node_counts(pool)
            ill = counts.start_task_failed + counts.unusable
            node_error = self._node_error(pool) if ill else None
        run = found.auto_scale_run
        return PoolReport(
            state=_text(found.state),
            allocation=_text(found.allocation_state),
            nodes=found.current_dedicated_nodes + found.current_low_priority_nodes,
            target_nodes=(found.target_dedicated_nodes or 0)
            + (found.target_low_priority_nodes or 0),
            counts=counts,
            since=found.allocation_state_transition_time,
            resize_errors=[_trouble(error) for error in found.resize_errors or []],
            autoscale_error=_trouble(run.error) if run and run.error else None,
            node_error=node_error,
            formula=found.auto_scale_formula or "",
            autoscales=bool(found.enable_auto_scale),
        )

    def last_words(self, pool: str, node: str, job: str = "") -> str:
        """Return the last 4 KiB that a node's start task, or a job's preparation on it, printed.

        Standard error comes first; standard output is read where that is empty. Returns "" when
        the node or the file is gone.
        """
        folder = f"workitems/{job}/job-1/{_PREPARATION}" if job else "startup"
        for name in ("stderr.txt", "stdout.txt"):
            words = self._end_of(pool, node, f"{folder}/{name}")
            if words.strip():
                return words
        return ""

    def task_file(self, job: str, task: str, path: str, offset: int) -> FilePart | None:
        """Return what a file of a task has from an offset on, at most 1 MiB of it.

        The task may be running. None if it has no such file, or its node is gone. Raises Transient.
        """
        try:
            with batch(f"read {path} of the task {task}"):
                size = self._client.get_task_file_properties(job, task, path).content_length
                if size <= offset:
                    return FilePart(size, b"")
                span = f"bytes={offset}-{min(size, offset + _PART) - 1}"
                parts = self._client.download_task_file(job, task, path, ocp_range=span)
                return FilePart(size, b"".join(parts))
        except Permanent:  # 404 and 409: it did not begin, its node is gone, its folder was deleted
            return None

    def push_formula(self, pool: str, formula: str) -> None:
        """Enable autoscale with this formula.

        Raises Transient while the pool resizes, or when it got a formula just now.
        """
        wanted = ["enableAutoScale", "autoScaleEvaluationInterval"]
        with batch(f"push a formula to {pool}"):
            found = self._client.get_pool(pool, select=wanted)
            keeps = found.enable_auto_scale and found.auto_scale_evaluation_interval == _EVALUATION
            # Who names an interval may begin the schedule anew: pushes each minute would put every
            # evaluation off.
            enabled = BatchPoolEnableAutoScaleOptions(
                auto_scale_formula=formula,
                auto_scale_evaluation_interval=None if keeps else _EVALUATION,
            )
            self._client.enable_pool_auto_scale(pool, enabled)

    def resize_by_hand(self, pool: str, dedicated: int, spot: int) -> None:
        """Disable autoscale and begin a resize, unless somebody changes the pool in between.

        The pool keeps its size until it gets a formula again. Raises Conflict, and Transient while
        it resizes.
        """
        target = {"targetDedicatedNodes": dedicated, "targetLowPriorityNodes": spot}
        with batch(f"give {pool} its first nodes"):
            tag = send(self._client, "POST", f"/pools/{pool}/disableautoscale")
            send(self._client, "POST", f"/pools/{pool}/resize", target, tag)

    def _preparation(self, job: str) -> Preparation:
        try:
            failed = list(self._preparations(job, f"{_INFO}/result eq 'failure'", _PREPARED))
            running = list(self._preparations(job, f"{_INFO}/state eq 'running'", _PREPARED))
        except HttpResponseError as error:
            if code_of(error) not in _NO_PREPARATION:
                raise
            return Preparation()
        starts = [info.start_time for _, info in running if info.start_time]
        ends = [info.end_time for _, info in failed if info.end_time]
        return Preparation(
            _preparation_failure(*failed[0]) if failed else None,
            len(running),
            min(starts, default=None),
            len(failed),
            max(ends, default=None),
        )

    def _preparations(
        self, job: str, wanted: str, limit: int
    ) -> Iterator[tuple[str, BatchJobPreparationTaskExecutionInfo]]:
        listed = self._client.list_job_preparation_and_release_task_status(
            job, filter=wanted, max_results=limit
        )
        for status in islice(listed, limit):
            if info := status.job_preparation_task_execution_info:
                yield str(status.node_id), info

    def _node_counts(self, pool: str) -> NodeCounts:
        kinds = [
            kind
            for counts in self._client.list_pool_node_counts(filter=f"poolId eq '{pool}'")
            for kind in (counts.dedicated, counts.low_priority)
            if kind
        ]
        return NodeCounts(
            idle=sum(k.idle or 0 for k in kinds),
            running=sum(k.running or 0 for k in kinds),
            starting=sum(
                (k.creating or 0)
                + (k.starting or 0)
                + (k.waiting_for_start_task or 0)
                + (k.rebooting or 0)
                + (k.reimaging or 0)
                for k in kinds
            ),
            start_task_failed=sum(k.start_task_failed or 0 for k in kinds),
            unusable=sum(k.unusable or 0 for k in kinds),
            preempted=sum(k.preempted or 0 for k in kinds),
        )

    def _node_error(self, pool: str) -> Trouble | None:
        """Return the error of one node that failed its start task or is unusable."""
        wanted = "state eq 'starttaskfailed' or state eq 'unusable'"
        nodes = self._client.list_nodes(pool, filter=wanted, max_results=_NODES)
        return next(
            (found for node in islice(nodes, _NODES) if (found := _node_trouble(node))), None
        )

    def _end_of(self, pool: str, node: str, path: str) -> str:
        """Read the end of a file of a node; return "" if it cannot be read."""
        try:
            with batch(f"read {path} of {node}"):
                size = self._client.get_node_file_properties(pool, node, path).content_length
                if not size:
                    return ""
                span = f"bytes={max(0, size - _WORDS)}-{size - 1}"
                parts = self._client.download_node_file(pool, node, path, ocp_range=span)
                return b"".join(parts)[-_WORDS:].decode("utf-8", "replace")
        except FanfareError:
            return ""


def connect(settings: Settings) -> AzureCluster:
    """Connect to the Batch account for reading."""
    return AzureCluster(batch_client.connect(settings))


def _end(task: BatchTask) -> TaskEnd:
    info = task.execution_info
    why = info.failure_info if info else None
    return TaskEnd(
        str(task.id),
        (info.end_time if info else None) or _EPOCH,
        (why.code if why else None) or "",
        _text(why.category) if why else "",
        (why.message if why else None) or "",
        info.exit_code if info else None,
        info.start_time if info else None,
        str((task.node_info and task.node_info.node_id) or ""),
    )


def _trouble(error: ResizeError | AutoScaleRunError | BatchNodeError) -> Trouble:
    return Trouble(error.code or "", error.message or "")


def _node_trouble(node: BatchNode) -> Trouble | None:
    name, info = str(node.id), node.start_task_info
    if info and info.failure_info:
        why = info.failure_info
        code = f" (exit code {info.exit_code})" if info.exit_code is not None else ""
        return Trouble(why.code or "", f"{why.message or ''}{code}", name)
    return next((replace(_trouble(error), node=name) for error in node.errors or []), None)


def _preparation_failure(node: str, info: BatchJobPreparationTaskExecutionInfo) -> Trouble:
    why = info.failure_info
    code = f" (exit code {info.exit_code})" if info.exit_code is not None else ""
    if why is None:
        return Trouble("PreparationFailed", code.strip(), node)
    return Trouble(why.code or "", f"{why.message or ''}{code}", node)


def _text(value: object) -> str:
    return str(getattr(value, "value", value) or "")
