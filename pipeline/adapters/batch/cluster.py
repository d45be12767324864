"""Azure Batch, observed: jobs, failed tasks, pools; and formulas, pushed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from azure.batch import BatchClient
from azure.batch.models import BatchPool, BatchPoolEnableAutoScaleOptions, BatchTask
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from pipeline.adapters.batch import client as batch_client
from pipeline.adapters.batch.client import batch, time_literal
from pipeline.adapters.translate import code_of
from pipeline.domain.runs.reports import JobReport, PoolReport, TaskEnd
from pipeline.errors import JobGone
from pipeline.settings import Settings

_EVALUATION = timedelta(minutes=5)  # the shortest that the service takes
# The service was recorded to say the first; its list of error codes has only the second.
_NO_PREPARATION = {
    "JobPreparationTaskOrReleaseTaskNotSpecified",
    "JobPreparationTaskNotSpecified",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AzureCluster:
    """The cluster port: reads by filters and counts, never by listing every task."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client

    def job(self, job: str) -> JobReport:
        """Report the job's state and task counts."""
        with batch(f"look at the job {job}"):
            try:
                found = self._client.get_job(job, select=["id", "state"])
                counts = self._client.get_job_task_counts(job).task_counts
                failed_preparation = self._preparation_error(job)
            except ResourceNotFoundError:
                return JobReport("")
        return JobReport(
            _text(found.state),
            counts.active,
            counts.running,
            counts.succeeded,
            counts.failed,
            failed_preparation,
        )

    def failures(self, job: str, ended_before: datetime) -> Iterator[TaskEnd]:
        """Yield the tasks that completed before a time with result failure (server-side filter)."""
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

    def unstarted_or_running(self, job: str) -> set[str]:
        """Return the ids of tasks that have not completed."""
        try:
            with batch(f"list open tasks of {job}"):
                tasks = self._client.list_tasks(job, filter="state ne 'completed'", select=["id"])
                return {str(task.id) for task in tasks}
        except JobGone:
            return set()

    def pool(self, pool: str) -> PoolReport:
        """Report the pool's state, nodes and errors."""
        with batch(f"look at the pool {pool}"):
            try:
                found = self._client.get_pool(pool)
            except ResourceNotFoundError:
                return PoolReport("")
            unstarted, unusable = self._bad_nodes(pool)
        errors = _pool_errors(found)
        if unstarted:
            errors.append(f"StartTaskFailed: the start task failed on {unstarted} node(s).")
        return PoolReport(
            _text(found.state),
            _text(found.allocation_state),
            found.current_dedicated_nodes + found.current_low_priority_nodes,
            (found.target_dedicated_nodes or 0) + (found.target_low_priority_nodes or 0),
            unstarted + unusable,
            errors,
            found.auto_scale_formula or "",
        )

    def push_formula(self, pool: str, formula: str) -> None:
        """Enable autoscale with this formula. Raises Transient when the pool resizes or was pushed
        just now.
        """
        enabled = BatchPoolEnableAutoScaleOptions(
            auto_scale_formula=formula, auto_scale_evaluation_interval=_EVALUATION
        )
        with batch(f"push a formula to {pool}"):
            self._client.enable_pool_auto_scale(pool, enabled)

    def _preparation_error(self, job: str) -> str:
        failed = "jobPreparationTaskExecutionInfo/result eq 'failure'"
        try:
            for status in self._client.list_job_preparation_and_release_task_status(
                job, filter=failed, max_results=1
            ):
                info = status.job_preparation_task_execution_info
                if info and info.failure_info:
                    why = info.failure_info
                    return f"{why.code}: {why.message} (exit code {info.exit_code})"
        except HttpResponseError as error:
            if code_of(error) not in _NO_PREPARATION:
                raise
        return ""

    def _bad_nodes(self, pool: str) -> tuple[int, int]:
        """Return how many nodes failed their start task, and how many are unusable."""
        kinds = [
            kind
            for counts in self._client.list_pool_node_counts(filter=f"poolId eq '{pool}'")
            for kind in (counts.dedicated, counts.low_priority)
            if kind
        ]
        return sum(k.start_task_failed or 0 for k in kinds), sum(k.unusable or 0 for k in kinds)


def connect(settings: Settings) -> AzureCluster:
    """Connect to the Batch account as an observer."""
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
    )


def _pool_errors(pool: BatchPool) -> list[str]:
    errors = [f"{error.code}: {error.message}" for error in pool.resize_errors or []]
    run = pool.auto_scale_run
    if run and run.error:
        errors.append(f"{run.error.code}: {run.error.message}")
    return errors


def _text(value: object) -> str:
    return str(getattr(value, "value", value) or "")
