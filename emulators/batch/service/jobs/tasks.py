"""Tasks: added one by one or up to 100 at once, ended, reactivated, deleted."""

import json
from typing import Any

from emulators.batch.document import Doc, stamp
from emulators.batch.errors import BatchError, invalid
from emulators.batch.model.job import Job
from emulators.batch.model.states import JobState, TaskState
from emulators.batch.model.task import Task, with_task_defaults
from emulators.batch.scheduler.verdict import ended_by_user
from emulators.batch.service.context import Context
from emulators.batch.service.jobs.jobs import require_open
from emulators.batch.service.nodes.task_folders import task_folders
from emulators.batch.service.running.completion import complete_task
from emulators.batch.validation import validate


class Tasks:
    """The verbs of tasks."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def create(self, job: Job, body: Doc) -> Task:
        """Add one task."""
        require_open(job)
        task = self._add(job, body)
        self._ctx.wake(job.pool_id)
        return task

    def create_many(self, job: Job, body: Doc) -> list[Doc]:
        """Add up to 100 tasks; each succeeds or fails on its own."""
        require_open(job)
        results = [self._result(job, entry) for entry in body["value"]]
        self._ctx.wake(job.pool_id)
        return results

    def _result(self, job: Job, body: Any) -> Doc:  # noqa: ANN401 - not looked at until here
        try:
            task = self._add(job, validate("BatchTaskCreateOptions", body))
        except BatchError as error:
            task_id = body.get("id") if isinstance(body, dict) else None
            return {"status": "clienterror", "taskId": str(task_id), "error": error.summary()}
        return {
            "status": "success",
            "taskId": task.id,
            "eTag": task.etag,
            "lastModified": task.changed,
            "location": f"{self._ctx.endpoint}/jobs/{job.id}/tasks/{task.id}",
        }

    def _add(self, job: Job, body: Doc) -> Task:
        task_id: str = body["id"]
        _check(job, body)
        if task_id.lower() in job.tasks:
            raise BatchError("TaskExists")
        for which, code in (("jobPreparationTask", "Preparation"), ("jobReleaseTask", "Release")):
            if str((job.spec.get(which) or {}).get("id", "")).lower() == task_id.lower():
                raise BatchError(f"TaskIdSameAsJob{code}Task")
        spec = with_task_defaults(body)
        given = body.get("constraints") or {}
        if given.get("maxTaskRetryCount") is None:
            spec["constraints"]["maxTaskRetryCount"] = job.spec["constraints"].get(
                "maxTaskRetryCount", 0
            )
        task = Task(
            id=task_id,
            job_id=job.id,
            seq=len(job.order),
            spec_text=json.dumps(spec, separators=(",", ":")),
            slots=int(spec["requiredSlots"]),
            instances=int((body.get("multiInstanceSettings") or {}).get("numberOfInstances") or 1),
            state=TaskState.ACTIVE,
            created=stamp(self._ctx.clock.now()),
        )
        job.add(task)
        self._ctx.keep(task)
        return task

    def replace(self, task: Task, body: Doc) -> None:
        """Set the constraints of a task; omitted ones get their defaults."""
        if task.state is TaskState.COMPLETED:
            raise BatchError("TaskCompleted")
        spec = task.spec()
        spec.pop("constraints", None)
        task.spec_text = json.dumps(
            with_task_defaults({**spec, "constraints": body.get("constraints")})
        )
        task.edited(self._ctx.clock.now())
        self._ctx.keep(task)

    def terminate(self, job: Job, task: Task) -> None:
        """End a task, whether it runs or waits."""
        if task.state is TaskState.COMPLETED:
            raise BatchError("TaskCompleted")
        run = self._ctx.runs.get((job.id, task.id))
        if run is not None:
            run.interrupt(ended_by_user())
        else:
            complete_task(self._ctx, job, task, ended_by_user("waiting"))

    def reactivate(self, job: Job, task: Task) -> None:
        """Let a failed task run again."""
        require_open(job)
        if task.state is not TaskState.COMPLETED:
            raise BatchError("TaskNotCompleted")
        if task.execution.get("result") == "success":
            raise BatchError("TaskSucceeded")
        now = self._ctx.clock.now()
        self._depart(job, task)
        job.move_task(task, TaskState.ACTIVE, now, {"retryCount": 0, "requeueCount": 0})
        task.node_id, task.satisfied, task.subtasks = "", False, ()
        task.edited(now)
        job.enqueue(task)
        self._ctx.keep(task)
        self._ctx.wake(job.pool_id)

    def delete(self, job: Job, task: Task) -> None:
        """Delete a task and its files, and kill its process."""
        if job.state is JobState.DELETING:
            raise BatchError("JobBeingDeleted")
        run = self._ctx.runs.get((job.id, task.id))
        if run is not None:
            run.interrupt(ended_by_user())
        self._depart(job, task)
        # Last, because an interrupted run keeps its task.
        job.remove(task)
        self._ctx.forget(task)
        job.dying.add(task.id.lower())
        self._ctx.spawn(self._bury(job, task), f"files of {task.id}")

    def _depart(self, job: Job, task: Task) -> None:
        """Record for the next process which dependents the task has satisfied in this one."""
        departed = job.depart(task)
        if departed is not None:
            self._ctx.keep(departed)

    async def _bury(self, job: Job, task: Task) -> None:
        """Keep other tasks with this id waiting until this one's process and files are gone."""
        try:
            await self._remove_files(job, task)
        finally:
            job.release(task.id)
            self._ctx.wake(job.pool_id)

    async def _remove_files(self, job: Job, task: Task) -> None:
        folders = list(task_folders(self._ctx, task))
        if folders:
            await self._ctx.settled([(job.id, task.id)])
        for folder in folders:
            await self._ctx.machine.clear(folder)


def _check(job: Job, body: Doc) -> None:
    """Refuse a task that does not fit its job."""
    if body.get("dependsOn") and not job.spec.get("usesTaskDependencies"):
        reason = "The job was created without usesTaskDependencies."
        raise BatchError("UnsupportedProperty", PropertyName="dependsOn", Reason=reason)
    _check_job_actions(job, body)


def _check_job_actions(job: Job, body: Doc) -> None:
    if str(job.spec.get("onTaskFailure")).lower() == "performexitoptionsjobaction":
        return
    conditions = body.get("exitConditions") or {}
    mappings = [*(conditions.get("exitCodes") or ()), *(conditions.get("exitCodeRanges") or ())]
    options = [one.get("exitOptions") or {} for one in mappings]
    options += [
        conditions.get(name) or {} for name in ("preProcessingError", "fileUploadError", "default")
    ]
    for option in options:
        if option.get("jobAction") and str(option["jobAction"]).lower() != "none":
            raise invalid(
                "jobAction",
                option["jobAction"],
                "The job does not set performexitoptionsjobaction.",
            )
