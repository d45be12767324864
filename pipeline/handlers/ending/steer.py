"""What people can do with a run: cancel it, or redrive it."""

from pipeline.domain.runs.asking.history import Act
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import STOPPABLE, State
from pipeline.domain.runs.messages import Step
from pipeline.domain.runs.run import EarlierPlan, Run
from pipeline.errors import Conflict, Transient
from pipeline.handlers.ending.conclude import Verdict, conclude, release_jobs
from pipeline.handlers.engine import Engine, context, log
from pipeline.ledger import runs
from pipeline.ledger.runs import Held

_TRIES = 5


def cancel(engine: Engine, run_id: str) -> Run:
    """Cancel a run, or complete its cancellation. Raises Conflict if it is over."""
    begun = False
    for _ in range(_TRIES):
        held = runs.need(engine.ports.tables, run_id)
        if begun and held.run.state is State.CANCELLED:
            return held.run  # another instance completed it
        if held.run.state not in {State.CANCELLING, *STOPPABLE}:
            raise Conflict(f"Run {run_id} is already {held.run.state} and cannot be cancelled.")
        try:
            held = held if held.run.state is State.CANCELLING else _begin_cancel(engine, held)
            begun = True
            return finish_cancel(engine, held)
        except Conflict:
            continue  # it moved on meanwhile: look again
    raise Transient(f"Run {run_id} is changing too fast to be cancelled: try again.")


def _begin_cancel(engine: Engine, held: Held) -> Held:
    run, now = held.run, engine.now
    asked = run.asked_for(Act.CANCEL, engine.by, now, run.generation)
    cancelling = run.to(State.CANCELLING, now, engine.token(), asked=asked)
    held = runs.move(engine.ports.tables, held, cancelling)
    log.info("Run is being cancelled", extra=context(held.run, "cancel"))
    return held


def finish_cancel(engine: Engine, held: Held) -> Run:
    """End the jobs of a run that is being cancelled, then give its verdict."""
    release_jobs(engine, held.run)
    verdict = Verdict(State.CANCELLED, Cause.CANCELLED, "Cancelled on request.")
    return conclude(engine, held, verdict).run


def redrive(engine: Engine, run_id: str, generation: int | None = None) -> Run:
    """Begin the next generation of an ended run; it executes only what did not succeed.

    Who names the `generation` that he saw may repeat the request: if that one has a successor, the
    run is returned as it is. Raises Conflict.
    """
    held = runs.need(engine.ports.tables, run_id)
    if generation is not None and generation < held.run.generation:
        return held.run  # it was redriven before
    if generation is not None and generation > held.run.generation:
        raise Conflict(f"Run {run_id} has no generation {generation}: look at it again.")
    redriven = runs.reopen(engine.ports.tables, held, _next_generation(engine, held.run))
    log.info("Run redriven", extra=context(redriven.run, "redrive"))
    engine.wake(Step.PLAN, redriven.run)
    return redriven.run


def _next_generation(engine: Engine, run: Run) -> Run:
    """Return a run as its redrive leaves it. Raises Conflict if it cannot be redriven."""
    run_id, now, definition = run.id, engine.now, engine.definition_if_readable(run)
    if run.purged_at:
        when = f"{run.purged_at:%Y-%m-%d}"
        raise Conflict(
            f"Run {run_id} was purged on {when}, and its plan and results are deleted: start a new "
            "run of its input, for example by uploading it again."
        )
    if definition is None:
        raise Conflict(f"A later release started run {run_id}: start a new run of its input.")
    complete = run.state is State.SUCCEEDED and run.failed == 0
    if not run.over or complete:
        hint = "none of its items failed" if complete else "it is not over yet"
        raise Conflict(f"Run {run_id} is {run.state} and cannot be redriven: {hint}.")
    earlier = run.earlier
    if run.plan:
        earlier = (*earlier, EarlierPlan(generation=run.generation, plan=run.plan))
    return run.to(
        State.CLAIMED,
        now,
        engine.token(),
        generation=run.generation + 1,
        asked=run.asked_for(Act.REDRIVE, engine.by, now, run.generation + 1),
        earlier=earlier,
        plan=None,
        chosen="",
        job="",
        executions=0,
        cause=None,
        error="",
        output=None,
        ended_at=None,
        deadline=now + definition.limits.run,
    )
