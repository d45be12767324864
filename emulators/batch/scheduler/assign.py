"""Which tasks start now, and where: jobs by priority, tasks
by age, nodes by the pool's fill type."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.task import Task
from emulators.batch.scheduler.shelf import Shelf

_NONE: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Assignment:
    """One task that shall run on one node; a multi-instance task takes `others` as well."""

    job: Job
    task: Task
    node: Node
    others: tuple[Node, ...] = ()


def assignments(
    jobs: Sequence[Job],
    shelf: Shelf,
    barred: Mapping[str, Set[str]],
    *,
    pack: bool,
    spot: Callable[[], Set[str]] = frozenset,
    gangs: bool = False,
) -> Iterator[Assignment]:
    """Yield what fits, taking it off the shelf; act on each before asking for the next.

    `jobs` are in order of urgency; `barred` names, by job id, the nodes where the job's
    preparation failed, `spot` tells all spot nodes; `gangs` lets multi-instance tasks run.
    """
    for job in jobs:
        if not job.is_live:
            continue
        set_aside: list[Task] = []
        avoided = barred.get(job.id, _NONE)
        while (widest := shelf.widest(avoided)) > 0 and job.room() > 0:
            task = job.ready.pop(widest)
            if task is None:
                break
            if task.instances > 1 or task.dedicated_only:
                # It waits for its own kind of place and lets others pass.
                shunned = avoided | spot() if task.dedicated_only else avoided
                nodes = (
                    _gang(shelf, task, shunned, pack=pack) if gangs or task.instances == 1 else ()
                )
                if nodes:
                    yield Assignment(job, task, nodes[0], tuple(nodes[1:]))
                else:
                    set_aside.append(task)
                continue
            node = shelf.take(task.slots, pack=pack, barred=avoided)
            if node is None:
                set_aside.append(task)
                break
            yield Assignment(job, task, node)
        for task in set_aside:
            job.ready.push(task)


def _gang(shelf: Shelf, task: Task, avoided: Set[str], *, pack: bool) -> Sequence[Node]:
    """Take as many different nodes as the task needs, or none."""
    taken: list[Node] = []
    while len(taken) < task.instances:
        barred = avoided | {node.id for node in taken}
        node = shelf.take(task.slots, pack=pack, barred=barred)
        if node is None:
            for one in taken:
                shelf.offer(one)
            return ()
        taken.append(node)
    return taken
