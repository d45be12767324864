"""The operations of tasks."""

from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter

from emulators.batch.agent.environment import task_directory
from emulators.batch.document import Doc
from emulators.batch.model.job import Job
from emulators.batch.model.statistics import statistics_of_task
from emulators.batch.model.task import SET_BY_SERVICE, Task
from emulators.batch.query import properties
from emulators.batch.query.filter import Reader, Readers
from emulators.batch.query.page import View
from emulators.batch.service.emulator import Emulator
from emulators.batch.wire.call import Call, Reply, Route, numbered

# Properties that need no look at the task's own text.
_CHEAP = SET_BY_SERVICE | {"id"}


def _execution(name: str) -> Reader:
    return lambda task: task.execution.get(name)


# A job may hold 100,000 tasks, so filters read the tasks and not their documents.
READERS: Readers = (
    ("id", attrgetter("id")),
    ("state", attrgetter("state")),
    ("stateTransitionTime", attrgetter("since")),
    ("creationTime", attrgetter("created")),
    ("lastModified", attrgetter("changed")),
    ("lastModifiedTime", attrgetter("changed")),
    *(
        (f"executionInfo/{name}", _execution(name))
        for name in ("startTime", "endTime", "exitCode", "result")
    ),
)


def _find(app: Emulator, call: Call) -> tuple[Job, Task]:
    job = app.ctx.account.job(call.params["jobId"])
    task = job.task(call.params["taskId"])
    call.condition(task)
    return job, task


def shown(base: str, task: Task, names: tuple[str, ...] = ()) -> Doc:
    """Return a task as clients see it; properties that are not in `names` may be left out."""
    root = task_directory(task.job_id, task.id)
    if names and all(name.lower() in _CHEAP for name in names):
        return task.progress(base, root)
    return task.document(base, root)


def _told(call: Call, task: Task, now: datetime, names: tuple[str, ...] = ()) -> Doc:
    document = shown(call.base, task, names)
    return call.expanded(document, lambda url: statistics_of_task(task, url, now))


def create_task(app: Emulator, call: Call) -> Reply:
    """Add one task."""
    job = app.ctx.account.job(call.params["jobId"])
    task = app.tasks.create(job, call.body)
    return Reply(thing=task, location=f"{call.base}/jobs/{job.id}/tasks/{task.id}")


def create_task_collection(app: Emulator, call: Call) -> Reply:
    """Add up to a hundred tasks."""
    job = app.ctx.account.job(call.params["jobId"])
    value = app.tasks.create_many(job, call.body)
    for one in value:
        if "error" in one:
            one["error"]["message"]["value"] += call.mark
    metadata = f"{call.base}/$metadata#taskaddresult"
    return Reply(body={"odata.metadata": metadata, "value": value}, thing=job)


def list_tasks(app: Emulator, call: Call) -> Reply:
    """List a job's tasks."""
    job = app.ctx.account.job(call.params["jobId"])

    def walk(start: int) -> Iterator[tuple[int, Task]]:
        for task in job.tasks_from(start):
            yield task.seq, task

    now = app.ctx.clock.now()
    view = View(READERS, lambda task, names: _told(call, task, now, names))
    return call.listed("tasks", properties.TASKS, walk, view=view)


def get_task(app: Emulator, call: Call) -> Reply:
    """Show one task."""
    _, task = _find(app, call)
    return call.one("tasks", _told(call, task, app.ctx.clock.now()), task)


def replace_task(app: Emulator, call: Call) -> Reply:
    """Set a task's constraints."""
    _, task = _find(app, call)
    app.tasks.replace(task, call.body)
    return Reply(thing=task)


def delete_task(app: Emulator, call: Call) -> Reply:
    """Delete a task and its files."""
    app.tasks.delete(*_find(app, call))
    return Reply()


def terminate_task(app: Emulator, call: Call) -> Reply:
    """End a task."""
    job, task = _find(app, call)
    app.tasks.terminate(job, task)
    return Reply(thing=task)


def reactivate_task(app: Emulator, call: Call) -> Reply:
    """Let a failed task run again."""
    job, task = _find(app, call)
    app.tasks.reactivate(job, task)
    return Reply(thing=task)


def list_subtasks(app: Emulator, call: Call) -> Reply:
    """List the subtasks; a task that is not multi-instance has none."""
    _, task = _find(app, call)
    return call.listed("subtasks", properties.NONE, numbered(lambda: list(task.subtasks)))


_JOB = "/jobs/{jobId}"
_TASK = "/jobs/{jobId}/tasks/{taskId}"
ROUTES = (
    Route("create_task", "POST", f"{_JOB}/tasks", 201, create_task),
    Route("list_tasks", "GET", f"{_JOB}/tasks", 200, list_tasks),
    Route(
        "create_task_collection", "POST", f"{_JOB}/addtaskcollection", 200, create_task_collection
    ),
    Route("delete_task", "DELETE", _TASK, 200, delete_task),
    Route("get_task", "GET", _TASK, 200, get_task),
    Route("replace_task", "PUT", _TASK, 200, replace_task),
    Route("list_subtasks", "GET", f"{_TASK}/subtasksinfo", 200, list_subtasks),
    Route("terminate_task", "POST", f"{_TASK}/terminate", 204, terminate_task),
    Route("reactivate_task", "POST", f"{_TASK}/reactivate", 204, reactivate_task),
)
