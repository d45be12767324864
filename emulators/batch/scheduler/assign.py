"""Decides which tasks start now, and where: jobs by priority, then by age or in turn; tasks by age;
nodes by the pool's fill type."""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.task import Task
from emulators.batch.scheduler.shelf import NoRoom, Shelf

_NONE: Set[str] = frozenset()
_turns = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Policy:
    """How a pool wants its tasks started; `gangs` lets multi-instance tasks run.

    `by_age` starts all tasks of the older of two jobs with equal priority first. Otherwise such
    jobs take turns, one task each.
    """

    pack: bool = False
    gangs: bool = False
    by_age: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """One task for one node; a multi-instance task takes the nodes of `others` as well."""

    job: Job
    task: Task
    node: Node
    others: tuple[Node, ...] = ()


type _Starts = Generator[Assignment]


def assignments(
    jobs: Iterable[Job],
    shelf: Shelf,
    barred: Mapping[str, Set[str]],
    policy: Policy,
    spot: Callable[[], Set[str]] = frozenset,
) -> Iterator[Assignment]:
    """Yield what fits and take it off the shelf; act on each before you ask for the next.

    `jobs` are in order of priority, then of age. `barred` holds, by job id, the nodes where the
    job's preparation failed. `spot` holds all spot nodes.
    """
    for _, equals in itertools.groupby(jobs, key=lambda job: job.priority):
        if shelf.widest() == 0:
            return
        live = [job for job in equals if job.is_live]
        if not policy.by_age and len(live) > 1:
            live.sort(key=lambda job: job.served)
        each = (_starts(job, shelf, barred.get(job.id, _NONE), policy, spot) for job in live)
        yield from _by_age(each, shelf) if policy.by_age else _in_turn(each, shelf)


def _by_age(each: Iterable[_Starts], shelf: Shelf) -> Iterator[Assignment]:
    for one in each:
        yield from one
        if shelf.widest() == 0:
            return


def _in_turn(each: Iterable[_Starts], shelf: Shelf) -> Iterator[Assignment]:
    # Usually one node became free and the first job takes it; then the others are not asked.
    fresh, again = iter(each), deque[_Starts]()
    while shelf.widest() > 0:
        one = next(fresh, None) or (again.popleft() if again else None)
        if one is None:
            break
        if (found := next(one, None)) is not None:
            found.job.served = next(_turns)
            yield found
            again.append(one)
    for one in again:
        one.close()


def _starts(
    job: Job, shelf: Shelf, avoided: Set[str], policy: Policy, spot: Callable[[], Set[str]]
) -> _Starts:
    """Yield the tasks of one job that fit, until no more does."""
    set_aside: list[Task] = []
    try:
        # Every task needs a slot, so nothing fits where no node has a free one.
        while job.room() > 0 and (task := job.ready.pop(shelf.widest(avoided))) is not None:
            if task.instances > 1 or task.dedicated_only:
                # A task that needs another kind of place waits, and lets others pass.
                shunned = avoided | spot() if task.dedicated_only else avoided
                may_run = policy.gangs or task.instances == 1
                nodes = _gang(shelf, task, shunned, pack=policy.pack) if may_run else ()
                if nodes:
                    yield Assignment(job, task, nodes[0], tuple(nodes[1:]))
                else:
                    set_aside.append(task)
                continue
            wanted = task.wanted_node
            node = shelf.take(task.slots, pack=policy.pack, barred=avoided, wanted=wanted)
            yield Assignment(job, task, node)
    finally:
        for task in set_aside:
            job.ready.push(task)


def _gang(shelf: Shelf, task: Task, avoided: Set[str], *, pack: bool) -> Sequence[Node]:
    """Take as many different nodes as the task needs, or none."""
    taken: list[Node] = []
    while len(taken) < task.instances:
        barred = avoided | {node.id for node in taken}
        try:
            taken.append(shelf.take(task.slots, pack=pack, barred=barred))
        except NoRoom:
            for one in taken:
                shelf.offer(one)
            return ()
    return taken
