"""Gives a task another execution if the cause of its failure has retries left, in a further job.

The task's row notes the execution before it is submitted. If an invocation dies in between, the
sweep submits it.
"""

from collections import defaultdict
from collections.abc import Mapping

from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import STOPPABLE
from pipeline.domain.runs.results import PastExecution, TaskResult, TaskState
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, JobGone
from pipeline.handlers import published
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.running import executions, journals
from pipeline.handlers.running.executions import STAGE_STEPS
from pipeline.ledger import runs, tasks


def execute_anew(engine: Engine, run: Run, seen: TaskResult, cause: Cause, why: str) -> bool:
    """Start another execution of a unit, unless the unit changed since the caller read it.

    Returns False when the cause has no retries left. Raises Conflict.
    """
    found = tasks.find(engine.ports.tables, run.id, run.generation, seen.unit)
    present = found.result if found else unheard(seen.unit)
    if _key(present) != _key(seen):
        return True  # a receipt arrived, or another invocation started the execution
    if present.executed_anew_for(cause) >= engine.definition(run).retries.extra(cause):
        return False
    done = present.state is TaskState.DONE
    found_journal = (
        None if done else journals.furthest(engine, run, seen.unit, _items(engine, run, seen.unit))
    )
    past = PastExecution(
        cause=cause,
        attempt=present.attempt if done else "",
        journal=found_journal[0] if found_journal else "",
    )
    following = present.model_copy(
        update={
            "state": TaskState.RETRYING,
            "execution": present.execution + 1,
            "why": f"{cause}: {why}"[:2000],
            "at": engine.now,
            "repeats": (*present.repeats, past),
        }
    )
    _reserve(engine, run, following.execution)
    tasks.execute_anew(engine.ports.tables, run.id, run.generation, following, found)
    log.info(
        "Task gets another execution",
        extra={**context(run, "execute anew"), "task": seen.unit, "why": following.why},
    )
    submit(engine, run, following)
    return True


def overrule(engine: Engine, run: Run, seen: TaskResult, cause: Cause, why: str) -> None:
    """Let all items of a unit fail whose receipt counted; nothing if the unit changed since.

    Raises Conflict.
    """
    found = tasks.find(engine.ports.tables, run.id, run.generation, seen.unit)
    if found is None or _key(found.result) != _key(seen):
        return
    update = {"items": (), "receipt": "", "cause": cause, "why": why[:2000], "at": engine.now}
    failed = found.result.model_copy(update=update)
    tasks.replace(engine.ports.tables, run.id, run.generation, failed, found)


def _items(engine: Engine, run: Run, unit: str) -> tuple[int, ...]:
    return published.items_of(engine, run.plan, unit)


def unheard(unit: str, execution: int = 0) -> TaskResult:
    """Describe a task whose n-th execution has not reported yet."""
    return TaskResult(unit=unit, state=TaskState.RETRYING, execution=execution)


def _key(result: TaskResult) -> tuple[object, ...]:
    rejectable = result.attempt if result.state is TaskState.DONE else ""
    return result.state, result.execution, rejectable


def submit(engine: Engine, run: Run, *announced: TaskResult) -> None:
    """Submit executions that the ledger notes, by page; a second submission changes nothing."""
    pages: dict[tuple[int, int], dict[int, str]] = defaultdict(dict)
    for result in announced:
        number = naming.unit_number(result.unit)
        if result.unit in STAGE_STEPS:
            engine.wake(STAGE_STEPS[result.unit], run)
        elif number is not None and run.plan is not None:
            journal = result.repeats[-1].journal if result.repeats else ""
            pages[result.execution, run.plan.page_of(number)][number] = journal
    for (execution, page), numbers in sorted(pages.items()):
        _submit_page(engine, run, execution, page, numbers)


def _submit_page(
    engine: Engine, run: Run, execution: int, number: int, finished: Mapping[int, str]
) -> None:
    """Submit tasks of a page; each goes on after what its journal says was finished."""
    if run.plan is None:
        return
    read = published.read_page(engine, run.plan, number)
    planned = [task for task in read.page.tasks if task.number in finished]
    job = executions.create_job(engine, run, read.page, execution)
    specs = executions.task_specs(engine, run, read, planned, execution)
    going_on = [
        executions.going_on(engine, spec, finished[task.number])
        for task, spec in zip(planned, specs, strict=True)
    ]
    try:
        engine.ports.jobs.add(job, going_on)
    except JobGone:
        log.info("Job accepts no more tasks", extra={**context(run, "execute anew"), "job": job})


def _reserve(engine: Engine, run: Run, execution: int) -> None:
    """Note a further job in the run before the job exists, so that the run's end also ends it."""
    held = runs.need(engine.ports.tables, run.id)
    if held.run.generation != run.generation or held.run.state not in STOPPABLE:
        raise Conflict(f"Run {run.id} moved on: its tasks get no further executions.")
    if held.run.executions >= execution:
        return
    known = held.run.model_copy(update={"executions": execution, "step": engine.token()})
    runs.move(engine.ports.tables, held, known)
