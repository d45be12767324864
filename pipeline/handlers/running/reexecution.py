"""Executes a task anew when its cause is worth it: in a further job, under the same number.

The row says first that the task is executed anew, then it is submitted; the sweep submits what was
only said.
"""

from pipeline.domain.plans.bundle import PAGE_SIZE
from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import STOPPABLE
from pipeline.domain.runs.results import PastExecution, TaskResult, TaskState
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, JobGone
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.running import executions
from pipeline.handlers.running.executions import STAGE_QUEUES
from pipeline.ledger import runs, tasks


def execute_anew(engine: Engine, run: Run, seen: TaskResult, cause: Cause, why: str) -> bool:
    """Execute a unit once more, unless it is no longer as the caller saw it.

    Returns False when its cause had all its executions. Raises Conflict.
    """
    found = tasks.find(engine.ports.tables, run.id, run.generation, seen.unit)
    present = found.result if found else unheard(seen.unit)
    if _key(present) != _key(seen):
        return True  # a receipt came, or somebody else has it executed anew already
    if present.executed_anew_for(cause) >= engine.definition(run).retries.extra(cause):
        return False
    rejected = present.attempt if present.state is TaskState.DONE else ""
    following = present.model_copy(
        update={
            "state": TaskState.RETRYING,
            "execution": present.execution + 1,
            "why": f"{cause}: {why}"[:2000],
            "at": engine.now,
            "repeats": (*present.repeats, PastExecution(cause=cause, attempt=rejected)),
        }
    )
    _reserve(engine, run, following.execution)
    tasks.execute_anew(engine.ports.tables, run.id, run.generation, following, found)
    log.info(
        "Task is executed anew",
        extra={**context(run, "execute anew"), "task": seen.unit, "why": following.why},
    )
    submit(engine, run, following)
    return True


def unheard(unit: str, execution: int = 0) -> TaskResult:
    """Describe a task whose n-th execution has not been heard of."""
    return TaskResult(unit=unit, state=TaskState.RETRYING, execution=execution)


def _key(result: TaskResult) -> tuple[object, ...]:
    rejectable = result.attempt if result.state is TaskState.DONE else ""
    return result.state, result.execution, rejectable


def submit(engine: Engine, run: Run, announced: TaskResult) -> None:
    """Submit an execution that the ledger tells of; one that was submitted is met, not doubled."""
    if announced.unit in STAGE_QUEUES:
        engine.wake(STAGE_QUEUES[announced.unit], run)
        return
    number = naming.unit_number(announced.unit)
    if number is None or run.plan is None:
        return
    page, ref = executions.read_page(engine, run.plan.folder, number // PAGE_SIZE)
    planned = [task for task in page.tasks if task.number == number]
    job = executions.create_job(engine, run, page, announced.execution)
    try:
        engine.ports.jobs.add(job, executions.task_specs(engine, run, page, planned, ref))
    except JobGone:
        log.info("Job takes no more tasks", extra={**context(run, "execute anew"), "job": job})


def _reserve(engine: Engine, run: Run, execution: int) -> None:
    """Make the run know of its further job before that exists, so that its end will end the job."""
    held = runs.need(engine.ports.tables, run.id)
    if held.run.generation != run.generation or held.run.state not in STOPPABLE:
        raise Conflict(f"Run {run.id} went on: nothing of it is executed anew.")
    if held.run.executions >= execution:
        return
    known = held.run.model_copy(update={"executions": execution, "step": engine.token()})
    runs.move(engine.ports.tables, held, known)
