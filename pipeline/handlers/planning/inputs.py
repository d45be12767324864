"""The blobs that a run works on, as nodes get them."""

from pipeline.domain.plans.plan import Delivery, PlannedInput
from pipeline.domain.plans.split import PlanError
from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Input, Run
from pipeline.handlers.engine import Engine
from pipeline.ports.blobs import BlobFacts


def of(run: Run) -> Input:
    """Return the run's input. Raises PlanError if it has none."""
    if run.input is None:
        raise PlanError("this split needs an input blob, but the run has none")
    return run.input


def shared(
    engine: Engine, run: Run, delivery: Delivery = Delivery.TASK
) -> tuple[PlannedInput, ...]:
    """Describe the run's pinned input for nodes; empty without an input."""
    if run.input is None:
        return ()
    return (
        PlannedInput(
            file=naming.local_input_name("input", run.input.name),
            name=run.input.name,
            url=engine.ports.blobs.url(run.input.ref),
            size=run.input.size,
            delivery=delivery,
        ),
    )


def pinned(engine: Engine, item: int, facts: BlobFacts) -> PlannedInput:
    """Pin a blob for one item, by a snapshot of exactly that version."""
    ref = engine.ports.writer.snapshot(facts.ref, facts.etag)
    return PlannedInput(
        file=naming.local_input_name(str(item), facts.ref.name),
        name=facts.ref.name,
        url=engine.ports.blobs.url(ref),
        size=facts.size,
    )
