"""Warnings about tasks that run here and would fail in the cloud."""

from collections.abc import Iterator, Sequence

from emulators.batch.document import Doc

type Key = tuple[str, str]

_MOST = 1000


class Advice:
    """The warnings of the last run of each task, for at most a thousand tasks; not stored."""

    def __init__(self) -> None:
        self._found: dict[Key, tuple[str, ...]] = {}
        self._told: set[str] = set()

    def put(self, key: Key, warnings: Sequence[str]) -> list[str]:
        """Replace the warnings of a task, and return those that no task had before."""
        self._found.pop(key, None)
        if warnings:
            self._found[key] = tuple(warnings)
        while len(self._found) > _MOST:
            del self._found[next(iter(self._found))]
        fresh = [one for one in warnings if one not in self._told]
        self._told.update(fresh)
        return fresh

    def of(self, key: Key) -> tuple[str, ...]:
        """Return the warnings of a task."""
        return self._found.get(key, ())

    def documents(self) -> Iterator[Doc]:
        """Yield all warnings, the oldest first."""
        for (job_id, task_id), warnings in self._found.items():
            yield {"jobId": job_id, "taskId": task_id, "warnings": list(warnings)}
