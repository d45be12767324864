"""Tells why a task waits, in one sentence that says what would help."""

from collections.abc import Set

from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import JobState, TaskState
from emulators.batch.model.task import Task

_JOB_REASONS = {
    JobState.DISABLED: "The job is disabled: enable it.",
    JobState.DISABLING: "The job is being disabled.",
    JobState.TERMINATING: "The job is being terminated: its waiting tasks stay active.",
    JobState.COMPLETED: "The job is completed: its waiting tasks stay active.",
    JobState.DELETING: "The job is being deleted.",
}


def why_waiting(job: Job, task: Task, pool: Pool | None, barred: Set[str]) -> str:
    """Return the first reason that keeps an active task from starting; empty for any other task."""
    if task.state is not TaskState.ACTIVE:
        return ""
    return (
        _JOB_REASONS.get(job.state, "")
        or _dependencies(job, task)
        or _parallel(job)
        or _nodes(task, pool, barred)
    )


def _dependencies(job: Job, task: Task) -> str:
    if job.dependencies.is_free(task):
        return ""
    return "It depends on tasks that have not completed as it needs, or that do not exist."


def _parallel(job: Job) -> str:
    if job.room() > 0:
        return ""
    return (
        f"The job runs as many tasks at once as maxParallelTasks allows ({job.counts['running']})."
    )


def _nodes(task: Task, pool: Pool | None, barred: Set[str]) -> str:
    if pool is None:
        return "The pool of its job does not exist: create it."
    if task.slots > pool.slots:
        return f"It needs {task.slots} slots, a node of the pool has {pool.slots}: it never starts."
    if task.instances > 1 and not pool.runs_gangs:
        return (
            "It is multi-instance: the pool needs enableInterNodeCommunication and one slot a node."
        )
    ready = [node for node in pool.nodes.values() if node.takes_tasks]
    return _places(task, ready, barred) if ready else _no_node(pool)


def _places(task: Task, ready: list[Node], barred: Set[str]) -> str:
    usable = [node for node in ready if node.id not in barred]
    if not usable:
        return "The job's preparation failed on every node that takes tasks."
    if task.dedicated_only:
        usable = [node for node in usable if node.dedicated]
    if sum(1 for node in usable if node.free >= task.slots) < task.instances:
        return f"The {len(usable)} usable nodes do not have enough free slots now."
    return "It is about to start."


def _no_node(pool: Pool) -> str:
    if pool.nodes:
        states = ", ".join(sorted({str(node.state) for node in pool.nodes.values()}))
        return f"No node takes tasks: they are {states}, disabled for scheduling, or leaving."
    if pool.target_dedicated + pool.target_spot == 0:
        return "The pool has no nodes and wants none: resize it, or look at its autoscale run."
    return "The pool has no nodes yet."
