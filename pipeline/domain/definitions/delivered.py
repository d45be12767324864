"""Chooses how the run's input comes to the items."""

from pipeline.domain.definitions.pipeline import Delivery, Pipeline
from pipeline.domain.plans.plan import PlannedCut
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
