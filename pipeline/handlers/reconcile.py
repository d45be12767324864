"""Compares a run with the world and does what some lost arrow should have done.

Truth about a task, in this order: its receipt; then, if it completed without one, Batch's word.
"""

from collections.abc import Iterable

from pipeline.domain import naming
from pipeline.domain.bundle import PAGE_SIZE
from pipeline.domain.causes import Cause
from pipeline.domain.failures import cause_of
from pipeline.domain.lifecycle import State
from pipeline.domain.naming import ReceiptPath
from pipeline.domain.results import TaskResult, TaskState, failed_task
from pipeline.domain.run import Run
from pipeline.handlers import receipts, repeat, stages
from pipeline.handlers.engine import Engine
from pipeline.ledger import progress, tasks
from pipeline.ports import TaskEnd

_STAGE_OF = {State.PLANNING: naming.SPLIT, State.ASSEMBLING: naming.ASSEMBLE}


def reconcile_tasks(engine: Engine, run: Run) -> None:
    """Find the tasks that ended unheard, and settle them by receipt or by Batch's word."""
    if run.plan is None:
        return
    done = progress.union(engine.ports.tables, run.id, run.generation, "tasks")
    again = _running_again(engine, run)
    unheard = {naming.unit_name(n): 0 for n in done.missing(run.plan.tasks)}
    unheard |= {result.unit: result.execution for result in again}
    if not unheard:
        engine.wake("assemble", run)
        return
    settled = _settle_receipts(engine, run, unheard)
    for result in again:
        if result.unit not in settled and engine.now - (result.at or run.changed_at) > (
            engine.patience.receipt
        ):
            repeat.submit(engine, run, result)
    _settle_ends(engine, run, {u: n for u, n in unheard.items() if u not in settled})


def reconcile_stage(engine: Engine, run: Run) -> None:
    """Do the same for the program of the stage that the run is in, if there is one."""
    stage = _STAGE_OF.get(run.state, "")
    found = tasks.find(engine.ports.tables, run.id, run.generation, stage) if stage else None
    if found is None or found[0].state is TaskState.DONE:
        return
    if not _settle_receipts(engine, run, {stage: found[0].execution}):
        _settle_ends(engine, run, {stage: found[0].execution})


def _running_again(engine: Engine, run: Run) -> list[TaskResult]:
    if run.executions == 0:
        return []
    found = tasks.results(engine.ports.tables, run.id, run.generation)
    return [result for result in found if result.state is TaskState.RETRYING]


def _settle_receipts(engine: Engine, run: Run, unheard: Iterable[str]) -> set[str]:
    """Take in receipts whose events were lost; return the units that are settled now."""
    folder = naming.generation_folder(run.id, run.generation)
    found = [
        path
        for facts in engine.ports.blobs.list("receipts", folder + "/")
        if (path := naming.parse_receipt_path(facts.ref.name)) and path.unit in set(unheard)
    ]
    if not found:
        return set()
    receipts.settle(engine, found)
    return {path.unit for path in found if _is_done(engine, run, path)}


def _is_done(engine: Engine, run: Run, path: ReceiptPath) -> bool:
    found = tasks.find(engine.ports.tables, run.id, run.generation, path.unit)
    return found is not None and found[0].state is TaskState.DONE


def _settle_ends(engine: Engine, run: Run, unheard: dict[str, int]) -> None:
    """Settle tasks that Batch has seen end without a receipt."""
    before = engine.now - engine.patience.receipt
    failed: list[TaskResult] = []
    for execution in sorted(set(unheard.values())):
        units = {unit for unit, number in unheard.items() if number == execution}
        stage = next((unit for unit in units if naming.unit_number(unit) is None), "")
        job = naming.job_id(run.id, run.generation, execution, stage)
        ends = {end.task: end for end in engine.ports.cluster.failures(job, before)}
        for unit in sorted(units & ends.keys()):
            failed += _settle_end(engine, run, ends[unit])
        failed += _settle_silent(engine, run, job, units - ends.keys())
    numbered = [result for result in failed if naming.unit_number(result.unit) is not None]
    receipts.record(engine, run, numbered)
    for result in failed:
        if result not in numbered:
            tasks.finish(engine.ports.tables, run.id, run.generation, [result])
            repeat.submit(engine, run, result)


def _settle_end(engine: Engine, run: Run, end: TaskEnd) -> list[TaskResult]:
    """Run a task again that Batch saw fail, or return the failure that it is."""
    cause, why = cause_of(end.code, end.message), f"{end.code}: {end.message}"
    if repeat.repeat(engine, run, end.task, cause, why):
        return []
    return [failed_task(end.task, items_of(engine, run, end.task), cause, why)]


def _settle_silent(engine: Engine, run: Run, job: str, units: set[str]) -> list[TaskResult]:
    """Settle tasks that succeeded in Batch's eyes and left no receipt that counts."""
    if engine.now - run.changed_at <= engine.patience.upload or not units:
        return []
    if not engine.ports.cluster.job(job).state:
        return []
    silent = sorted(units - engine.ports.cluster.unstarted_or_running(job))
    why = "the task completed and left no receipt that counts"
    return [
        failed_task(unit, items_of(engine, run, unit), Cause.RECEIPT_INVALID, why)
        for unit in silent
        if not repeat.repeat(engine, run, unit, Cause.RECEIPT_INVALID, why)
    ]


def items_of(engine: Engine, run: Run, unit: str) -> tuple[int, ...]:
    """Return the items of a unit; a stage program has one."""
    number = naming.unit_number(unit)
    if number is None or run.plan is None:
        return (0,)
    page = stages.read_page(engine, run.plan.folder, number // PAGE_SIZE)[0]
    return next(task.item_ids for task in page.tasks if task.number == number)
