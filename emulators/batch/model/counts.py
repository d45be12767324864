"""Counts the tasks of a job by state, kept up to date as the tasks move."""

from collections import Counter

from emulators.batch.document import Doc
from emulators.batch.model.states import TaskState
from emulators.batch.model.task import Task

_SHOWN = {
    TaskState.ACTIVE: "active",
    TaskState.PREPARING: "running",
    TaskState.RUNNING: "running",
    TaskState.COMPLETED: "completed",
}
_NAMES = ("active", "running", "completed", "succeeded", "failed")


class TaskCounts:
    """Counts tasks and their slots: add a task before anybody sees it, and call `leave` and `enter`
    around each move."""

    def __init__(self) -> None:
        self._tasks: Counter[str] = Counter()
        self._slots: Counter[str] = Counter()

    def enter(self, task: Task) -> None:
        """Count the task in its present state."""
        self._add(task, 1)

    def leave(self, task: Task) -> None:
        """Stop counting the task in its present state."""
        self._add(task, -1)

    def __getitem__(self, name: str) -> int:
        return self._tasks[name]

    def document(self) -> Doc:
        """Return both counts as the service shows them."""
        return {
            "taskCounts": {name: self._tasks[name] for name in _NAMES},
            "taskSlotCounts": {name: self._slots[name] for name in _NAMES},
        }

    def _add(self, task: Task, step: int) -> None:
        names = [_SHOWN[task.state]]
        if task.state is TaskState.COMPLETED:
            names.append("succeeded" if task.execution.get("result") == "success" else "failed")
        for name in names:
            self._tasks[name] += step
            self._slots[name] += step * task.slots
