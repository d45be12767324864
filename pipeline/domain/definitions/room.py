"""How many slots of a node a task takes, from what it needs of memory and disk. Pure.

A pool's file says how much of both the tasks of one node may use together. Batch knows slots only,
so a task gets as many slots as its share of the node.
"""

from collections.abc import Iterator

from pipeline.domain.definitions.images import bytes_of
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.definitions.stages import TaskProgram

_NEEDS = ("memory", "disk")


def slots_of(task: TaskProgram, pool: Pool | None) -> int:
    """Return the slots of a task: those of its largest share, or `task.slots` if that is more.

    If the pool is no longer defined, only `task.slots` counts.
    """
    shares = (_slots_for(task, pool, need) for need in _NEEDS) if pool else ()
    return max(task.slots, *shares, 1)


def misfits(task: TaskProgram, pool: Pool) -> Iterator[tuple[str, str]]:
    """Yield each key of a task that a node of the pool never has room for, and why."""
    if task.slots > pool.slots:
        yield "slots", f"{task.slots} slots never fit: a node of {pool.name} has {pool.slots}"
    for need in _NEEDS:
        wanted, there = getattr(task, need), getattr(pool, need)
        if wanted and there is None:
            yield need, f"pools/{pool.name}.yaml does not say what a node has: add {need} to it"
        elif wanted and bytes_of(wanted) > bytes_of(there):
            yield need, f"{wanted} never fits: a node of {pool.name} has {there} for tasks"


def _slots_for(task: TaskProgram, pool: Pool, need: str) -> int:
    wanted, there = getattr(task, need), getattr(pool, need)
    if not wanted or not there:
        return 1
    return -(-bytes_of(wanted) * pool.slots // bytes_of(there))
