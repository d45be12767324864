"""Plans a run: take a place, pin the input, split, write pages, publish, create the job.

A planner works in a folder of its own; publishing is the conditional move that makes a plan count.
"""

from concurrent.futures import ThreadPoolExecutor

from pipeline.domain.causes import Cause
from pipeline.domain.lifecycle import State
from pipeline.domain.messages import RunMessage, SubmitMessage
from pipeline.domain.plan import Page, page_name, plan_digest
from pipeline.domain.run import Input, PublishedPlan, Run
from pipeline.errors import Conflict, NotFound, Permanent, QuotaReached
from pipeline.handlers import admission, demand, executions, planning, scripts
from pipeline.handlers.conclude import fail
from pipeline.handlers.engine import Engine, context, log
from pipeline.ledger import progress, runs
from pipeline.ledger.runs import Held
from pipeline.ports import BlobRef

_WRITERS = 8


def plan(message: RunMessage, engine: Engine) -> None:
    """Bring a claimed run to the point where its pages are being submitted."""
    held = runs.need(engine.ports.tables, message.run)
    if held.run.generation != message.generation:
        return
    if held.run.state is State.CLAIMED:
        begun = _begin(engine, held)
        if begun is None:
            return
        held = begun
    if held.run.state is State.PLANNING:
        _carry_out(engine, held)
    elif held.run.state is State.SUBMITTING:
        request_pages(engine, held.run)


def request_pages(engine: Engine, run: Run) -> None:
    """Ask for every page that is not submitted yet; a plan without tasks is ready to assemble."""
    if run.plan is None:
        return
    if run.plan.tasks == 0:
        engine.wake("assemble", run)
        return
    done = progress.union(engine.ports.tables, run.id, run.generation, "pages")
    for page in done.missing(run.plan.pages):
        message = SubmitMessage(
            run=run.id,
            generation=run.generation,
            digest=run.plan.digest,
            page=page,
            traceparent=run.traceparent,
        )
        engine.send("submit", message)


def _begin(engine: Engine, held: Held) -> Held | None:
    """Take a place and pin the input; None when the run waits or has ended."""
    run = held.run
    place = admission.take_place(engine, run)
    if isinstance(place, str):
        wait(engine, held, place)
        return None
    try:
        pinned = _pin(engine, run.input) if run.input else None
        parameters = planning.parameters(engine, run.model_copy(update={"input": pinned}))
        programs = scripts.pin(engine, engine.definition(run))
    except (Conflict, NotFound):
        name = run.input.name if run.input else ""
        fail(engine, held, Cause.SUPERSEDED, f"{name!a} was replaced or deleted meanwhile.")
        return None
    except Permanent as error:
        fail(engine, held, Cause.PLAN_FAILED, str(error))
        return None
    begun = run.to(
        State.PLANNING,
        engine.now,
        engine.token(),
        input=pinned,
        parameters=parameters,
        scripts=programs,
    )
    return runs.move(engine.ports.tables, held, begun, *place)


def wait(engine: Engine, held: Held, why: str) -> None:
    """Let the run wait, and say for what."""
    waiting = held.run.to(State.WAITING, engine.now, engine.token(), why=why)
    runs.move(engine.ports.tables, held, waiting)
    log.info("Run waits", extra={**context(waiting, "wait"), "why": why})


def _pin(engine: Engine, source: Input) -> Input:
    if source.snapshot:
        return source
    ref = engine.ports.writer.snapshot(BlobRef(source.container, source.name), source.etag)
    return source.model_copy(update={"snapshot": ref.snapshot})


def _carry_out(engine: Engine, held: Held) -> None:
    try:
        pages = planning.pages(engine, held.run)
        if pages is None:
            return  # a split program works on it; its receipt asks again
        published = _write(engine, held.run, pages)
        job = executions.create_job(engine, held.run, pages[0]) if pages else ""
    except QuotaReached as error:
        wait(engine, held, str(error))
        return
    except Permanent as error:
        fail(engine, held, Cause.PLAN_FAILED, str(error))
        return
    run = held.run.to(State.SUBMITTING, engine.now, engine.token(), plan=published, job=job)
    runs.move(engine.ports.tables, held, run)
    log.info("Plan published", extra={**context(run, "plan"), "tasks": published.tasks})
    request_pages(engine, run)
    if pages:
        demand.register(engine, run, published.tasks)


def _write(engine: Engine, run: Run, pages: list[Page]) -> PublishedPlan:
    folder = f"{run.id}/g{run.generation}/plan/{engine.token()}"
    contents = [page.encode() for page in pages]

    def write(number: int) -> None:
        ref = BlobRef("work", page_name(folder, number))
        engine.ports.writer.write(ref, contents[number], content_type="application/json")

    if len(contents) > 1:
        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(write, range(len(contents))))
    elif contents:
        write(0)
    return PublishedPlan(
        folder=folder,
        digest=plan_digest(contents),
        pages=len(pages),
        tasks=sum(len(page.tasks) for page in pages),
        items=sum(len(task.items) for page in pages for task in page.tasks),
    )
