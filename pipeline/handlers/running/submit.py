"""Submits one page of the published plan. After the last page the job may complete.

Pages are asked for by messages that fan out: nobody sends more than a few.
"""

from itertools import batched

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import Step, SubmitMessage
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, JobGone
from pipeline.handlers import published
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.running import executions
from pipeline.ledger import progress, runs

_OPEN = frozenset({State.SUBMITTING, State.RUNNING, State.ASSEMBLING})


_AT_ONCE = 32  # messages that one invocation sends


def ask(engine: Engine, run: Run, first: int, last: int) -> None:
    """Ask for the pages of a range that are not submitted yet."""
    plan = run.plan
    if plan is None:
        return
    done = progress.union(engine.ports.tables, run.id, run.generation, "pages")
    pages = [page for page in done.missing(plan.pages) if first <= page <= last]
    for group in batched(pages, max(1, -(-len(pages) // _AT_ONCE)), strict=False):
        message = SubmitMessage(
            step=Step.SUBMIT,
            run=run.id,
            generation=run.generation,
            digest=plan.digest,
            page=group[0],
            last=group[-1] if len(group) > 1 else None,
            traceparent=run.traceparent,
        )
        engine.ask(message)


def submit(message: SubmitMessage, engine: Engine) -> None:
    """Add the page's tasks to the run's job, or ask for each page of a range.

    Messages of another plan or generation are dropped.
    """
    held = runs.need(engine.ports.tables, message.run)
    run, plan = held.run, held.run.plan
    current = run.generation == message.generation and run.state in _OPEN
    if not current or plan is None or plan.digest != message.digest:
        log.info("Page of another plan dropped", extra=context(run, "submit"))
        return
    if message.last is not None:
        ask(engine, run, message.page, message.last)
        return
    read = published.read_page(engine, plan, message.page)
    try:
        engine.ports.jobs.add(run.job, executions.task_specs(engine, run, read, read.page.tasks))
    except JobGone:
        # The page still counts as submitted, so that the sweep notices its missing tasks.
        log.info("Job accepts no more tasks: page dropped", extra=context(run, "submit"))
    done = progress.mark(
        engine.ports.tables, run.id, run.generation, "pages", [message.page], engine.token()
    )
    if done.is_complete(plan.pages):
        complete(engine, run)


def complete(engine: Engine, run: Run) -> None:
    """Let the job complete when its tasks have, and move the run on; all pages are submitted."""
    engine.ports.jobs.close(run.job)
    held = runs.need(engine.ports.tables, run.id)
    if held.run.state is not State.SUBMITTING or held.run.generation != run.generation:
        return
    running = held.run.to(State.RUNNING, engine.now, engine.token())
    try:
        runs.move(engine.ports.tables, held, running)
    except Conflict:
        return  # it moved on meanwhile
    log.info("All pages submitted", extra=context(running, "submit"))
