"""The tasks of one job that could start now, the oldest first, sorted by the slots they need."""

import heapq
import itertools

from emulators.batch.model.states import TaskState
from emulators.batch.model.task import Task

_tickets = itertools.count(1)


class Ready:
    """A queue that forgets lazily: an entry counts only if it holds the latest ticket of its
    task."""

    def __init__(self) -> None:
        self._heaps: dict[int, list[tuple[int, int, Task]]] = {}

    def push(self, task: Task) -> None:
        """Add a task; a task that is already in the queue moves to its new place."""
        task.ticket = next(_tickets)
        heapq.heappush(self._heaps.setdefault(task.slots, []), (task.seq, task.ticket, task))

    def pop(self, free_slots: int) -> Task | None:
        """Take the oldest task that fits into so many slots."""
        best: list[tuple[int, int, Task]] | None = None
        for slots, heap in self._heaps.items():
            _drop_stale(heap)
            if heap and slots <= free_slots and (best is None or heap[0] < best[0]):
                best = heap
        return heapq.heappop(best)[2] if best else None


def _drop_stale(heap: list[tuple[int, int, Task]]) -> None:
    while heap and (heap[0][2].ticket != heap[0][1] or heap[0][2].state is not TaskState.ACTIVE):
        heapq.heappop(heap)
