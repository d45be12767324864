"""One job: its settings, its tasks in order of arrival, and what happened on nodes before and after
them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from emulators.batch.document import FOREVER, Doc
from emulators.batch.errors import BatchError
from emulators.batch.model.counts import TaskCounts
from emulators.batch.model.departed import Departed
from emulators.batch.model.dependencies import Dependencies
from emulators.batch.model.ready import Ready
from emulators.batch.model.stateful import Stateful, next_serial
from emulators.batch.model.states import JobState, TaskState
from emulators.batch.model.task import Task

_LIVE = frozenset({JobState.ACTIVE, JobState.ENABLING})


@dataclass(slots=True, kw_only=True)
class Job(Stateful[JobState]):
    """A job and everything that belongs to it.

    `gangs` holds its multi-instance tasks by number, `per_node` preparation and release by node.
    `dying` holds the ids of deleted tasks whose processes or files still exist. `departed` holds
    those that satisfied their dependents once and do so no more. `served` grows each time the job
    starts a task in its turn.
    """

    id: str
    serial: int = field(default_factory=next_serial)
    spec: Doc
    execution: Doc = field(default_factory=dict)
    per_node: dict[str, Doc] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    order: list[Task | None] = field(default_factory=list)
    counts: TaskCounts = field(default_factory=TaskCounts)
    ready: Ready = field(default_factory=Ready)
    dependencies: Dependencies = field(default_factory=Dependencies)
    gangs: dict[int, Task] = field(default_factory=dict)
    dying: set[str] = field(default_factory=set)
    served: int = 0
    departed: dict[str, Departed] = field(default_factory=dict)
    has_dependents: bool = False

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Return where the store keeps it."""
        return ("job", self.id, "")

    @property
    def work(self) -> str:
        """What jobs with the same metadata have in common: a client that submits again makes one.

        A job without metadata is a work of its own.
        """
        metadata = self.spec.get("metadata")
        return json.dumps(metadata, sort_keys=True) if metadata else self.id

    @property
    def pool_id(self) -> str:
        """Return the pool that its tasks run in; for an auto pool the job's execution info names
        it."""
        given = (self.spec.get("poolInfo") or {}).get("poolId")
        return str(given or self.execution.get("poolId") or "")

    @property
    def priority(self) -> int:
        """Return its priority; higher goes first."""
        return int(self.spec.get("priority") or 0)

    @property
    def is_live(self) -> bool:
        """Tell whether it accepts and starts tasks."""
        return self.state in _LIVE

    def room(self) -> int:
        """Return how many more of its tasks may run at once."""
        limit = int(self.spec.get("maxParallelTasks") or -1)
        return 1 << 30 if limit < 0 else limit - self.counts["running"]

    def waiting(self) -> int:
        """Return how many of its tasks could start but have no place; each counts by its
        instances."""
        more = sum(
            task.instances - 1
            for task in self.gangs.values()
            if task.state is TaskState.ACTIVE and self.dependencies.is_free(task)
        )
        return self.counts["active"] - self.dependencies.held() + more

    def task(self, task_id: str) -> Task:
        """Return one task, or refuse."""
        found = self.tasks.get(task_id.lower())
        if found is None:
            raise BatchError("TaskNotFound")
        return found

    def add(self, task: Task) -> None:
        """Add a new or restored task, in the order of its number."""
        self.tasks[task.id.lower()] = task
        while len(self.order) <= task.seq:
            self.order.append(None)
        self.order[task.seq] = task
        self.counts.enter(task)
        if task.instances > 1:
            self.gangs[task.seq] = task
        if '"dependsOn"' in task.spec_text:
            self.has_dependents = True
            self.dependencies.add(
                task,
                lambda one: self._is_met(one, task.seq),
                lambda: self._met_ids(task.seq),
            )
            self.dependencies.moved(task)
        self.enqueue(task)
        if task.satisfied:
            for freed in self.dependencies.meet(task.id):
                self.enqueue(freed)

    def enqueue(self, task: Task) -> None:
        """Queue an active task that waits for nothing."""
        is_held = task.id.lower() in self.dying
        if task.state is TaskState.ACTIVE and self.dependencies.is_free(task) and not is_held:
            self.ready.push(task)

    def release(self, task_id: str) -> None:
        """Let a task of this id start, because the deleted task with that id is gone."""
        self.dying.discard(task_id.lower())
        if task_id.lower() in self.tasks:
            self.enqueue(self.tasks[task_id.lower()])

    def is_satisfied(self, task_id: str) -> bool:
        """Tell whether a task exists and satisfies the tasks that depend on it."""
        found = self.tasks.get(task_id)
        return found is not None and found.satisfied

    def _is_met(self, task_id: str, seq: int) -> bool:
        """Tell whether task number `seq` need not wait for that task."""
        departed = self.departed.get(task_id)
        return self.is_satisfied(task_id) or (departed is not None and seq < departed.before)

    def _met_ids(self, seq: int) -> set[str]:
        return {one for one in self.tasks.keys() | self.departed.keys() if self._is_met(one, seq)}

    def depart(self, task: Task) -> Departed | None:
        """Note that a task goes or runs again, although it satisfied its dependents so far."""
        if not (task.satisfied and self.has_dependents):
            return None
        key = task.id.lower()
        self.departed[key] = Departed(self.id, key, len(self.order))
        return self.departed[key]

    def remove(self, task: Task) -> None:
        """Forget a task."""
        self.counts.leave(task)
        self.dependencies.drop(task)
        self.gangs.pop(task.seq, None)
        del self.tasks[task.id.lower()]
        self.order[task.seq] = None
        task.ticket = 0

    def move_task(
        self, task: Task, target: TaskState, at: datetime, execution: Doc | None = None
    ) -> None:
        """Move one of its tasks with its new execution info, and keep the counts right."""
        self.counts.leave(task)
        try:
            task.move(target, at)
            task.execution = task.execution if execution is None else execution
        finally:
            self.counts.enter(task)
        self.dependencies.moved(task)

    def tasks_from(self, seq: int) -> Iterator[Task]:
        """Walk over the tasks in order, beginning at a number."""
        for position in range(seq, len(self.order)):
            task = self.order[position]
            if task is not None:
                yield task

    def is_done(self) -> bool:
        """Tell whether all its tasks are completed; an empty job counts as done."""
        return self.counts["active"] == 0 and self.counts["running"] == 0

    def document(self, base: str) -> Doc:
        """Return the job as clients see it."""
        return {
            **self.spec,
            "url": f"{base}/jobs/{self.id}",
            **self.history(),
            "executionInfo": dict(self.execution),
        }

    def record(self) -> str:
        """Return the job without its tasks as text for the store."""
        return json.dumps(
            {
                **self.saved_history(),
                "id": self.id,
                "spec": self.spec,
                "execution": self.execution,
                "per_node": self.per_node,
            }
        )

    @classmethod
    def restore(cls, text: str) -> Self:
        """Build the job that `record` wrote."""
        saved = json.loads(text)
        return cls(**{**saved, "state": JobState(saved["state"])})


def with_job_defaults(body: Doc) -> Doc:
    """Return the job with the service's defaults filled in."""
    given = {key: value for key, value in body.items() if value is not None}
    constraints = {
        "maxWallClockTime": FOREVER,
        "maxTaskRetryCount": 0,
        **(given.get("constraints") or {}),
    }
    filled: Doc = {
        "priority": 0,
        "maxParallelTasks": -1,
        "allowTaskPreemption": False,
        "usesTaskDependencies": False,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
        **given,
        "constraints": constraints,
    }
    _fill_node_task(filled, "jobPreparationTask", {"id": "jobpreparation", "waitForSuccess": True})
    _fill_node_task(filled, "jobReleaseTask", {"id": "jobrelease", "maxWallClockTime": "PT15M"})
    return filled


def _fill_node_task(job: Doc, name: str, defaults: Doc) -> None:
    if job.get(name):
        job[name] = {**defaults, **job[name]}
        if name == "jobPreparationTask":
            job[name].setdefault("rerunOnNodeRebootAfterSuccess", True)
        else:
            job[name].setdefault("retentionTime", "P7D")
