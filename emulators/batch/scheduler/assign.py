"""Which tasks start now, and where: jobs by priority, tasks
by age, nodes by the pool's fill type."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.task import Task
from emulators.batch.scheduler.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Assignment:
    """One task that shall run on one node."""

    job: Job
    task: Task
    node: Node


def assignments(
    jobs: Sequence[Job], shelf: Shelf, barred: Mapping[str, set[str]], *, pack: bool
) -> Iterator[Assignment]:
    """Yield what fits, taking it off the shelf; act on each before asking for the next.

    `jobs` are in order of urgency; `barred` names, by job id, the nodes where the job's
    preparation failed.
    """
    for job in jobs:
        if not job.is_live:
            continue
        set_aside: list[Task] = []
        while shelf.widest() > 0 and job.room() > 0:
            task = job.ready.pop(shelf.widest())
            if task is None:
                break
            node = shelf.take(task.slots, pack=pack, barred=barred.get(job.id, set()))
            if node is None:
                set_aside.append(task)
                break
            yield Assignment(job, task, node)
        for task in set_aside:
            job.ready.push(task)
