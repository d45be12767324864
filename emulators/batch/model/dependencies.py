"""Which tasks of a job wait for which others."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from emulators.batch.document import Doc
from emulators.batch.model.task import Task


def wanted_ids(spec: Doc) -> set[str]:
    """Return the lower-case ids that a task depends on; ranges stand for plain decimal numbers."""
    depends = spec.get("dependsOn") or {}
    wanted = {str(one).lower() for one in depends.get("taskIds") or ()}
    for span in depends.get("taskIdRanges") or ():
        wanted.update(str(number) for number in range(int(span["start"]), int(span["end"]) + 1))
    return wanted


class Dependencies:
    """The unmet dependencies of one job's tasks."""

    def __init__(self) -> None:
        self._unmet: dict[str, set[str]] = {}
        self._dependents: defaultdict[str, list[Task]] = defaultdict(list)

    def add(self, task: Task, wanted: Iterable[str], is_met: Callable[[str], bool]) -> None:
        """Note what the task waits for; what is met already is not waited for."""
        unmet = {one for one in wanted if not is_met(one)}
        if unmet:
            self._unmet[task.id.lower()] = unmet
            for one in unmet:
                self._dependents[one].append(task)

    def is_free(self, task: Task) -> bool:
        """Tell whether nothing holds the task back."""
        return task.id.lower() not in self._unmet

    def held(self) -> int:
        """Return how many tasks wait for others."""
        return len(self._unmet)

    def meet(self, task_id: str) -> list[Task]:
        """Mark one task as satisfied; return the tasks that this sets free."""
        freed = []
        for dependent in self._dependents.pop(task_id.lower(), ()):
            unmet = self._unmet.get(dependent.id.lower())
            if unmet is None:
                continue
            unmet.discard(task_id.lower())
            if not unmet:
                del self._unmet[dependent.id.lower()]
                freed.append(dependent)
        return freed
