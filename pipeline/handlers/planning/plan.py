"""Plans a run: take a place, pin the input, split, write pages, publish, create the job.

A plan counts only after a conditional move published it.
"""

from dataclasses import dataclass

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.keeping.backups import Phase
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import RunMessage, Step
from pipeline.domain.runs.obstacles import Obstacle, ObstacleCode
from pipeline.domain.runs.run import Input, OriginKind, PublishedPlan, Run
from pipeline.errors import (
    Conflict,
    ImageRefused,
    NotFound,
    Permanent,
    QuotaReached,
    SecretRefused,
)
from pipeline.handlers import backups, published
from pipeline.handlers.ending.conclude import Ended, fail
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.planning import inputs, planner
from pipeline.handlers.planning.pages import resolve_parameters
from pipeline.handlers.planning.planner import GoesOn
from pipeline.handlers.running import demand, executions, images, scripts, secrets, submit
from pipeline.handlers.running.stages import OnNode, StageFailed
from pipeline.handlers.starting import admission
from pipeline.handlers.starting.lost_events import start_present
from pipeline.handlers.why import noted
from pipeline.ledger import runs
from pipeline.ledger.runs import Held

_REFUSALS = {ImageRefused: Cause.IMAGE_MISSING, SecretRefused: Cause.SECRET_MISSING}


def plan(message: RunMessage, engine: Engine) -> None:
    """Plan a claimed run, up to the point where its pages are being submitted."""
    held = runs.need(engine.ports.tables, message.run)
    if held.run.generation != message.generation:
        return
    if held.run.state is State.CLAIMED:
        begun = _begin(engine, held)
        if not isinstance(begun, Held):
            return
        held = begun
    if held.run.state is State.PLANNING:
        _carry_out(engine, held)
    elif held.run.state is State.SUBMITTING:
        request_pages(engine, held.run)
        backups.keep(engine, held.run, Phase.BEGUN)


def request_pages(engine: Engine, run: Run) -> None:
    """Ask for every page that is not submitted yet; a plan without tasks is ready to assemble."""
    if run.plan is None:
        return
    if run.plan.tasks == 0:
        engine.wake(Step.ASSEMBLE, run)
        return
    submit.ask(engine, run, 0, run.plan.pages - 1)


@dataclass(frozen=True)
class Waits:
    """The run waits; whoever removes its obstacle asks for its plan."""

    run: Run


def _begin(engine: Engine, held: Held) -> Held | Waits | Ended:
    """Take a place and pin the input; return Waits or Ended if the run cannot go on."""
    run = held.run.model_copy(update={"seal": engine.seal()})
    place = admission.take_place(engine, run)
    if isinstance(place, Obstacle):
        return _wait(engine, held, place)
    try:
        pinned = _pin(engine, run, run.input) if run.input else None
        parameters = resolve_parameters(engine, run.model_copy(update={"input": pinned}))
        programs = scripts.pin(engine, engine.definition(run))
        resolved = images.resolve(engine, engine.definition(run))
        secrets.keep(engine, run)
    except (ImageRefused, SecretRefused) as error:
        return fail(engine, held, _REFUSALS[type(error)], str(error))
    except (Conflict, NotFound):
        return _superseded(engine, held)
    except Permanent as error:
        return fail(engine, held, Cause.PLAN_FAILED, str(error))
    begun = run.to(
        State.PLANNING,
        engine.now,
        engine.token(),
        input=pinned,
        parameters=parameters,
        scripts=programs,
        images=resolved,
    )
    try:
        return runs.move(engine.ports.tables, held, begun, *place)
    except Conflict:
        secrets.withdraw(engine, run)
        raise


def _superseded(engine: Engine, held: Held) -> Ended:
    """End a run whose version is gone, and start that of the version that is there now.

    Only its metadata may have changed, of which no event tells.
    """
    run = held.run
    name = run.input.name if run.input else ""
    if run.origin.kind is OriginKind.RUN and run.input and not run.input.etag:
        error = f"The run before this one has no output {name!a}."
        return fail(engine, held, Cause.INPUT_MISSING, error)
    if run.input and run.origin.kind is OriginKind.BLOB:
        start_present(engine, run.pipeline, run.input.ref)
    return fail(
        engine, held, Cause.SUPERSEDED, f"{name!a} was replaced or deleted before its run began."
    )


def _wait(engine: Engine, held: Held, obstacle: Obstacle) -> Waits:
    """Let the run wait, and note its obstacle."""
    waiting = held.run.to(State.WAITING, engine.now, engine.token())
    waiting = waiting.waits_for(obstacle, waiting.step)
    admission.put_into_line(engine, waiting)
    runs.move(engine.ports.tables, held, waiting)
    fields = {"obstacle": str(obstacle.code), "why": waiting.why}
    log.info("Run waits", extra={**context(waiting, "wait"), **fields})
    return Waits(waiting)


def _pin(engine: Engine, run: Run, source: Input) -> Input:
    if source.pinned:
        return source
    # Read before it is pinned: the snapshot or copy has a time of creation of its own.
    facts = engine.ports.blobs.head(source.ref)
    ref = inputs.pin(engine, run, source.ref, source.etag)
    same = facts is not None and facts.etag == source.etag
    content = {"created": facts.created, "md5": facts.md5} if facts and same else {}
    where = {"snapshot": ref.snapshot} if ref.snapshot else {"copied": ref.name}
    return source.model_copy(update={**where, **content})


def _carry_out(engine: Engine, held: Held) -> None:
    """Publish the plan, then ask for its pages."""
    moved = _publish(engine, held)
    if isinstance(moved, OnNode):
        backups.keep(engine, held.run, Phase.SPLIT)
    if not isinstance(moved, Held):
        return
    run = moved.run
    log.info("Plan published", extra={**context(run, "plan"), "tasks": run.plan and run.plan.tasks})
    request_pages(engine, run)
    if run.plan and run.plan.tasks:
        demand.register(engine, run, run.plan.tasks)
    backups.keep(engine, run, Phase.BEGUN)


def _publish(engine: Engine, held: Held) -> Held | OnNode | GoesOn | Waits | Ended:
    """Make the plan, create the job, and publish both in one conditional move."""
    try:
        plan = planner.make(engine, held)
        if isinstance(plan, OnNode | GoesOn):
            return plan
        job = _create_job(engine, held.run, plan)
    except QuotaReached as error:
        return _wait(engine, held, noted(engine, held.run, ObstacleCode.JOB_QUOTA, str(error)))
    except Permanent as error:
        return fail(engine, held, _cause(error), str(error))
    held = runs.reread(engine.ports.tables, held)
    run = held.run.to(State.SUBMITTING, engine.now, engine.token(), plan=plan, job=job)
    return runs.move(engine.ports.tables, held, run)


def _create_job(engine: Engine, run: Run, plan: PublishedPlan) -> str:
    """Create the job of the plan's tasks, if it has any."""
    if not plan.tasks:
        return ""
    return executions.create_job(engine, run, published.read_page(engine, plan, 0).page)


def _cause(error: Permanent) -> Cause:
    """Return why a plan could not be made; a node that cannot be prepared is not the plan's."""
    unprepared = isinstance(error, StageFailed) and error.cause is Cause.PREPARATION_FAILED
    return Cause.PREPARATION_FAILED if unprepared else Cause.PLAN_FAILED
