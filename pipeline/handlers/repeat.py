"""Executes a task again when its cause is worth it: in a further job, under the same number.

The row says first that the task runs again, then it is submitted; the sweep submits what was
only said.
"""

from pipeline.domain import naming
from pipeline.domain.bundle import PAGE_SIZE
from pipeline.domain.causes import Cause
from pipeline.domain.results import TaskResult, TaskState
from pipeline.domain.run import Run
from pipeline.errors import JobGone
from pipeline.handlers import executions, stages
from pipeline.handlers.engine import Engine, context, log
from pipeline.ledger import runs, tasks

_WAKES = {naming.SPLIT: "plan", naming.ASSEMBLE: "assemble"}


def repeat(engine: Engine, run: Run, unit: str, cause: Cause, why: str) -> bool:
    """Execute a unit once more; False when its cause had all its executions. Raises Conflict."""
    found = tasks.find(engine.ports.tables, run.id, run.generation, unit)
    execution = found[0].execution if found else 0
    if execution >= engine.definition(run).retries.extra(cause):
        return False
    again = TaskResult(
        unit=unit,
        state=TaskState.RETRYING,
        execution=execution + 1,
        why=f"{cause}: {why}"[:2000],
        at=engine.now,
    )
    _reserve(engine, run, again.execution)
    row = found[1] if found else None
    tasks.retry(engine.ports.tables, run.id, run.generation, again, row)
    log.info("Task runs again", extra={**context(run, "repeat"), "task": unit, "why": again.why})
    submit(engine, run, again)
    return True


def submit(engine: Engine, run: Run, again: TaskResult) -> None:
    """Submit an execution that the ledger tells of; one that was submitted is met, not doubled."""
    if again.unit in _WAKES:
        engine.wake(_WAKES[again.unit], run)
        return
    number = naming.unit_number(again.unit)
    if number is None or run.plan is None:
        return
    page, ref = stages.read_page(engine, run.plan.folder, number // PAGE_SIZE)
    planned = [task for task in page.tasks if task.number == number]
    job = executions.create_job(engine, run, page, again.execution)
    try:
        engine.ports.jobs.add(job, executions.task_specs(engine, run, page, planned, ref))
    except JobGone:
        log.info("Job takes no more tasks", extra={**context(run, "repeat"), "job": job})


def _reserve(engine: Engine, run: Run, execution: int) -> None:
    """Make the run know of its further job before that exists, so that its end will end the job."""
    held = runs.need(engine.ports.tables, run.id)
    if held.run.executions >= execution or held.run.generation != run.generation:
        return
    known = held.run.model_copy(update={"executions": execution, "step": engine.token()})
    runs.move(engine.ports.tables, held, known)
