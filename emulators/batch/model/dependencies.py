"""Which tasks of a job wait for which other tasks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from emulators.batch.document import Doc
from emulators.batch.model.states import TaskState
from emulators.batch.model.task import Task

# A task waits one by one for so many numbers of its ranges, which is fast to look up. Longer ranges
# are searched whenever a task with a numeric id is satisfied.
_ONE_BY_ONE = 1000


@dataclass(slots=True, eq=False)
class Span:
    """All whole numbers from `start` to `end`, and those of them that are met."""

    start: int
    end: int
    met: set[int]

    def meet(self, number: int) -> bool:
        """Note a number, and tell whether it was the last one missing."""
        if self.start <= number <= self.end:
            self.met.add(number)
        return self.is_met()

    def is_met(self) -> bool:
        """Tell whether all numbers are met."""
        return len(self.met) > self.end - self.start


def wanted_ids(spec: Doc) -> set[str]:
    """Return the lower-case ids that a task waits for one by one, with the numbers of its short
    ranges as plain decimals."""
    depends = spec.get("dependsOn") or {}
    wanted = {str(one).lower() for one in depends.get("taskIds") or ()}
    ranges = list(_ranges(depends))
    if _is_short(ranges):
        wanted.update(str(number) for start, end in ranges for number in range(start, end + 1))
    return wanted


def wanted_spans(spec: Doc) -> list[tuple[int, int]]:
    """Return the ranges that are too long to wait for number by number."""
    ranges = list(_ranges(spec.get("dependsOn") or {}))
    return [] if _is_short(ranges) else ranges


def _ranges(depends: Doc) -> Iterator[tuple[int, int]]:
    for span in depends.get("taskIdRanges") or ():
        yield int(span["start"]), int(span["end"])


def _is_short(ranges: list[tuple[int, int]]) -> bool:
    return sum(max(0, end - start + 1) for start, end in ranges) <= _ONE_BY_ONE


class Dependencies:
    """The unmet dependencies of one job's tasks, by task number, because an id may be used again.

    A task that ended while it waited keeps its dependencies, because it may be reactivated.
    """

    def __init__(self) -> None:
        self._unmet: dict[int, set[str | Span]] = {}
        self._dependents: defaultdict[str, list[Task]] = defaultdict(list)
        self._spans: dict[Span, Task] = {}
        self._ended: set[int] = set()

    def add(
        self, task: Task, is_met: Callable[[str], bool], satisfied: Callable[[], Iterable[str]]
    ) -> None:
        """Note what a task waits for; what is already met does not count."""
        spec = task.spec()
        ids = {one for one in wanted_ids(spec) if not is_met(one)}
        wanted = wanted_spans(spec)
        numbers = _numbers(satisfied()) if wanted else []
        every = [
            Span(start, end, {n for n in numbers if start <= n <= end}) for start, end in wanted
        ]
        spans = [span for span in every if not span.is_met()]
        if ids or spans:
            self._unmet[task.seq] = {*ids, *spans}
            for one in ids:
                self._dependents[one].append(task)
            self._spans.update(dict.fromkeys(spans, task))

    def is_free(self, task: Task) -> bool:
        """Tell whether nothing holds the task back."""
        return task.seq not in self._unmet

    def held(self) -> int:
        """Return how many active tasks wait for others."""
        return len(self._unmet) - len(self._ended)

    def moved(self, task: Task) -> None:
        """Note whether a task that waits is active now."""
        if task.seq in self._unmet and task.state is not TaskState.ACTIVE:
            self._ended.add(task.seq)
        else:
            self._ended.discard(task.seq)

    def drop(self, task: Task) -> None:
        """Forget the dependencies of a task that is gone."""
        self._ended.discard(task.seq)
        for one in self._unmet.pop(task.seq, ()):
            if isinstance(one, Span):
                del self._spans[one]

    def meet(self, task_id: str) -> list[Task]:
        """Mark one task as satisfied; return the tasks that may start because of it."""
        key = task_id.lower()
        waiting = self._dependents.pop(key, ())
        freed = [dependent for dependent in waiting if self._is_last(dependent, key)]
        numbers = _numbers([key]) if self._spans else []
        for span in [span for span in self._spans for number in numbers if span.meet(number)]:
            dependent = self._spans.pop(span)
            if self._is_last(dependent, span):
                freed.append(dependent)
        return freed

    def _is_last(self, dependent: Task, met: str | Span) -> bool:
        unmet = self._unmet.get(dependent.seq)
        if unmet is None:
            return False
        unmet.discard(met)
        if unmet:
            return False
        del self._unmet[dependent.seq]
        self._ended.discard(dependent.seq)
        return True


def _numbers(task_ids: Iterable[str]) -> list[int]:
    """Return the ids that are plain decimals as numbers; leading zeros do not count as such."""
    digits = (one for one in task_ids if one.removeprefix("-").isdecimal())
    return [int(one) for one in digits if str(int(one)) == one]
