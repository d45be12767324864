"""Submits one page of the published plan. After the last page the job may complete."""

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import SubmitMessage
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, JobGone
from pipeline.handlers import published
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.running import executions
from pipeline.ledger import progress, runs

_OPEN = frozenset({State.SUBMITTING, State.RUNNING, State.ASSEMBLING})


def submit(message: SubmitMessage, engine: Engine) -> None:
    """Add the page's tasks to the run's job; messages of another plan or generation are dropped."""
    held = runs.need(engine.ports.tables, message.run)
    run, plan = held.run, held.run.plan
    current = run.generation == message.generation and run.state in _OPEN
    if not current or plan is None or plan.digest != message.digest:
        log.info("Page of another plan dropped", extra=context(run, "submit"))
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
