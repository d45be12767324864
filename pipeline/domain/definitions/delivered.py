"""Chooses how the run's input comes to the items."""

from pipeline.domain.definitions.images import bytes_of
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.definitions.room import slots_of
from pipeline.domain.plans.plan import Delivery, PlannedCut
from pipeline.domain.plans.split import PlanError

# Below these sizes one more download costs less than what saves it.
RANGE_BYTES = 16 << 20
NODE_BYTES = 64 << 20
_UTF_8 = "utf-8"


def chosen(definition: Pipeline, size: int, cut: PlannedCut | None) -> Delivery:
    """Return the delivery of an input of this size. Raises PlanError for one that is impossible."""
    wished = definition.input.delivery
    in_parts = cut is not None and cut.encoding == _UTF_8
    if wished is Delivery.RANGE and not in_parts:
        encoding = cut.encoding if cut else "not cut"
        raise PlanError(
            f"input.delivery range takes parts out of the blob itself, which is {encoding}: "
            "use delivery node"
        )
    if wished:
        return wished
    if in_parts and size >= RANGE_BYTES:
        return Delivery.RANGE
    return Delivery.NODE if size >= NODE_BYTES and definition.task.has_runner else Delivery.TASK


def check_disk(definition: Pipeline, delivery: Delivery, size: int, pool: Pool | None) -> None:
    """Raise PlanError if nodes have no room for what the tasks of one node download together.

    A full disk makes a node unusable, and Batch takes its tasks to the next one. A pool whose file
    does not say how much disk there is passes.
    """
    if pool is None or pool.disk is None:
        return
    at_once = {
        Delivery.TASK: pool.slots // slots_of(definition.task, pool),
        Delivery.NODE: 1,
    }.get(delivery, 0)
    room = bytes_of(pool.disk)
    if at_once * size > room:
        times = f"{at_once} tasks at once have " if at_once > 1 else ""
        raise PlanError(
            f"{times}{size:,} bytes of input do not fit the {pool.disk} that a node of {pool.name} "
            "has for tasks: use input.delivery range or url, or a pool with more disk"
        )
