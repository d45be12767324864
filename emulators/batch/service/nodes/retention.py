"""Deletes the files of ended tasks, preparations and releases once their retention time has
passed."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from emulators.batch.document import Doc, parse_stamp, seconds_of
from emulators.batch.model.states import TaskState
from emulators.batch.model.task import Task
from emulators.batch.service.context import Context
from emulators.batch.service.nodes.task_folders import task_folders

USUAL = "P7D"
_USUAL, _USUAL_TEXT = timedelta(days=7), f'"retentionTime":"{USUAL}"'


def kept_until(task: Task) -> datetime | None:
    """Return until when the files of a completed task are kept, or None if that is unknown."""
    length = _retention(task) if task.state is TaskState.COMPLETED else None
    return None if length is None else parse_stamp(task.execution["endTime"]) + length


def _retention(task: Task) -> timedelta | None:
    """Return how long files are kept; None means forever, because no date can hold such a span."""
    if _USUAL_TEXT in task.spec_text:
        return _USUAL
    seconds = seconds_of(task.spec()["constraints"]["retentionTime"])
    return None if seconds is None else timedelta(seconds=seconds)


def watch_folder(
    ctx: Context, folder: Path, info: Doc, length: str | None, is_latest: Callable[[], bool]
) -> None:
    """Delete the folder of a preparation or release once its retention time has passed.

    By then it may have run again, or its job may be gone.
    """
    seconds = seconds_of(length or USUAL)
    if seconds is None or ctx.options.simulate:
        return

    def strike() -> None:
        if is_latest():
            ctx.spawn(ctx.machine.clear(folder), f"files in {folder.name}")

    until = parse_stamp(info["endTime"]) + timedelta(seconds=seconds)
    ctx.clock.at(until, strike)


class Retention:
    """Tasks in the order of their end, one queue a retention time, so that only heads need a
    timer."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._queues: dict[timedelta, deque[tuple[datetime, Task]]] = {}

    def resume(self) -> None:
        """Watch all tasks that an earlier process completed."""
        done = [
            task
            for job in self._ctx.account.jobs.values()
            for task in job.tasks.values()
            if task.state is TaskState.COMPLETED and task.node_id
        ]
        for task in sorted(done, key=lambda task: str(task.execution["endTime"])):
            self.note(task)

    def note(self, task: Task) -> None:
        """Keep the files of a task that has just completed for their time."""
        if not task.node_id:
            return
        length, until = _retention(task), kept_until(task)
        if length is None or until is None:
            return
        queue = self._queues.setdefault(length, deque())
        queue.append((until, task))
        if len(queue) == 1:
            self._set_timer(length)

    def _set_timer(self, length: timedelta) -> None:
        wait = self._queues[length][0][0] - self._ctx.clock.now()
        self._ctx.clock.after(max(0.0, wait.total_seconds()) + 0.001, lambda: self._strike(length))

    def _strike(self, length: timedelta) -> None:
        queue, now = self._queues[length], self._ctx.clock.now()
        while queue and queue[0][0] <= now:
            until, task = queue.popleft()
            if self._is_there(task) and kept_until(task) == until:
                self._ctx.spawn(self._clear(task), f"files of {task.id}")
        if queue:
            self._set_timer(length)

    def _is_there(self, task: Task) -> bool:
        """Tell whether a task still exists; otherwise its folder may belong to another task by
        now."""
        job = self._ctx.account.jobs.get(task.job_id.lower())
        return job is not None and job.tasks.get(task.id.lower()) is task

    async def _clear(self, task: Task) -> None:
        for folder in list(task_folders(self._ctx, task)):
            await self._ctx.machine.clear(folder)
