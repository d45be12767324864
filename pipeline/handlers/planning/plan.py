"""Plans a run: take a place, pin the input, split, write pages, publish, create the job.

Each planner works in a folder of its own. A plan counts only after a conditional move published it.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.domain.plans.plan import Page, plan_digest
from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.keeping.backups import Phase
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import Queue, RunMessage, SubmitMessage
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
from pipeline.handlers import backups
from pipeline.handlers.ending.conclude import Ended, fail
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.planning.pages import plan_pages, resolve_parameters
from pipeline.handlers.running import demand, executions, images, scripts, secrets
from pipeline.handlers.running.stages import OnNode, StageFailed
from pipeline.handlers.starting import admission
from pipeline.handlers.starting.lost_events import start_present
from pipeline.handlers.why import noted
from pipeline.ledger import progress, runs
from pipeline.ledger.runs import Held

_WRITERS = 8
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
        engine.wake(Queue.ASSEMBLE, run)
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
        engine.send(Queue.SUBMIT, message)


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
        pinned = _pin(engine, run.input) if run.input else None
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


def _pin(engine: Engine, source: Input) -> Input:
    if source.snapshot:
        return source
    # Read before the snapshot, which has a time of creation of its own.
    facts = engine.ports.blobs.head(source.ref)
    ref = engine.ports.writer.snapshot(source.ref, source.etag)
    same = facts is not None and facts.etag == source.etag
    content = {"created": facts.created, "md5": facts.md5} if facts and same else {}
    return source.model_copy(update={"snapshot": ref.snapshot, **content})


def _carry_out(engine: Engine, held: Held) -> None:
    """Publish the plan, then ask for its pages."""
    published = _publish(engine, held)
    if isinstance(published, OnNode):
        backups.keep(engine, held.run, Phase.SPLIT)
    if not isinstance(published, Held):
        return
    run = published.run
    log.info("Plan published", extra={**context(run, "plan"), "tasks": run.plan and run.plan.tasks})
    request_pages(engine, run)
    backups.keep(engine, run, Phase.BEGUN)
    if run.plan and run.plan.tasks:
        demand.register(engine, run, run.plan.tasks)


def _publish(engine: Engine, held: Held) -> Held | OnNode | Waits | Ended:
    """Write pages, create the job, and publish both in one conditional move."""
    try:
        pages = plan_pages(engine, held.run)
        if isinstance(pages, OnNode):
            return pages
        published, first = _write(engine, held.run, pages)
        job = executions.create_job(engine, held.run, first) if first else ""
    except QuotaReached as error:
        return _wait(engine, held, noted(engine, held.run, ObstacleCode.JOB_QUOTA, str(error)))
    except Permanent as error:
        return fail(engine, held, _cause(error), str(error))
    held = runs.reread(engine.ports.tables, held)
    run = held.run.to(State.SUBMITTING, engine.now, engine.token(), plan=published, job=job)
    return runs.move(engine.ports.tables, held, run)


def _cause(error: Permanent) -> Cause:
    """Return why a plan could not be made; a node that cannot be prepared is not the plan's."""
    unprepared = isinstance(error, StageFailed) and error.cause is Cause.PREPARATION_FAILED
    return Cause.PREPARATION_FAILED if unprepared else Cause.PLAN_FAILED


@dataclass
class _Written:
    """What a planner has written: the first page, and the totals."""

    first: Page | None = None
    pages: int = 0
    tasks: int = 0
    items: int = 0

    def encoded(self, pages: Iterable[Page]) -> Iterator[bytes]:
        """Count pages as they pass, and yield each as the node reads it."""
        for page in pages:
            self.first = self.first or page
            self.pages += 1
            self.tasks += len(page.tasks)
            self.items += sum(len(task.items) for task in page.tasks)
            yield page.encode()


def _write(engine: Engine, run: Run, pages: Iterable[Page]) -> tuple[PublishedPlan, Page | None]:
    folder = run.names.plan(engine.token())
    written = _Written()
    contents = _write_pages(engine, folder, written.encoded(pages))
    digests = tuple(hashlib.sha256(content).hexdigest() for content in contents)
    published = PublishedPlan(
        folder=folder,
        digest=plan_digest(digests),
        pages=written.pages,
        tasks=written.tasks,
        items=written.items,
        container=naming.ENGINE,
        sha256=digests,
    )
    return published, written.first


def _write_pages(engine: Engine, folder: str, contents: Iterable[bytes]) -> Iterator[bytes]:
    """Write pages in parallel, and pass them on; only a few are in memory at a time."""

    def write(number: int, content: bytes) -> None:
        ref = naming.plan_page(folder, number)
        engine.ports.writer.write(ref, content, content_type="application/json")

    with ThreadPoolExecutor(_WRITERS) as pool:
        begun: deque[Future[None]] = deque()
        for number, content in enumerate(contents):
            begun.append(pool.submit(write, number, content))
            if len(begun) > _WRITERS:
                begun.popleft().result()
            yield content
        for one in begun:
            one.result()
