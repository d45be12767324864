"""Compares a run with Batch and Storage, and does what a lost message should have done.

The truth about a task is its receipt; for a task that completed without one, Batch's report.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import partial
from typing import NamedTuple

from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.failures import RUNNER_CODES, cause_of
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.progress import Bitmap
from pipeline.domain.runs.results import TaskResult, TaskState, failed_task
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting.reports import JobReport, TaskEnd
from pipeline.handlers import published
from pipeline.handlers.collecting import receipts
from pipeline.handlers.collecting.receipts import Unheard
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.mending import preparations
from pipeline.handlers.mending.looks import reported_once
from pipeline.handlers.running import delivery, executions, journals, reexecution
from pipeline.handlers.tenure import Elsewhere, Tenure, holding
from pipeline.ledger import progress, tasks

AT_ONCE = 1_000  # tasks that are looked at together
_STAGE_OF = {State.PLANNING: naming.SPLIT, State.ASSEMBLING: naming.ASSEMBLE}
_JOB_WORKS = frozenset({"active", "enabling", "disabled", "disabling"})


class _Seen(NamedTuple):
    """What the ledger says before Batch is asked: tasks that are counted, and submitted pages.

    Tasks that are submitted later are not in what Batch lists, and have not ended.
    """

    known: Bitmap
    pages: Bitmap


def reconcile_tasks(engine: Engine, run: Run) -> None:
    """Find tasks that ended without a counted receipt; settle them by receipt or Batch's report.

    Of many tasks it takes a thousand after another, and the next sweep goes on where the time of
    this one is up. One invocation at a time does so.
    """
    if run.plan is None:
        return
    if run.plan.tasks <= AT_ONCE:
        _reconcile(engine, run, range(run.plan.tasks), _seen(engine, run))
        return
    try:
        with holding(engine, run, "reconcile") as tenure:
            _go_on(reported_once(engine, run.names.job()), run, run.plan.tasks, tenure)
    except Elsewhere:
        log.info("Run left to another sweep", extra=context(run, "reconcile"))


def _go_on(engine: Engine, run: Run, tasks_: int, tenure: Tenure) -> None:
    """Reconcile from where the last sweep ended, until the last task or until the time is up."""
    seen, first = _seen(engine, run), tenure.position
    while first < tasks_:
        numbers = range(first, min(first + AT_ONCE, tasks_))
        # A task that lost its outputs is counted, and executed anew all the same.
        whole = not run.executions and all(number in seen.known for number in numbers)
        if whole or _reconcile(engine, run, numbers, seen):
            first = numbers.stop
        tenure.renew()
        if engine.time_is_up:
            log.info("Sweep goes on later", extra={**context(run, "reconcile"), "task": first})
            break
    tenure.note(first if first < tasks_ else 0, "")


def _seen(engine: Engine, run: Run) -> _Seen:
    marked = partial(progress.union, engine.ports.tables, run.id, run.generation)
    return _Seen(marked("tasks"), marked("pages"))


def _reconcile(engine: Engine, run: Run, numbers: range, seen: _Seen) -> bool:
    """Reconcile some tasks; return False if the time was up before the last."""
    results = tasks.results(engine.ports.tables, run.id, run.generation, numbers)
    rows = {r.unit: r.model_copy(update={"items": ()}) for r in results}
    _catch_up(engine, run, seen.known, [r.unit for r in rows.values() if r.state is TaskState.DONE])
    unheard = {
        unit: rows.get(unit) or reexecution.unheard(unit)
        for unit in _submitted(run, seen.pages, numbers)
        if unit not in rows or rows[unit].state is TaskState.RETRYING
    }
    unheard = _without(unheard, receipts.settle_unheard(engine, run, unheard))
    patient = {unit for unit, result in unheard.items() if not _is_due(engine, result)}
    due = [result for unit, result in unheard.items() if unit not in patient and result.execution]
    reexecution.submit(engine, run, *due)
    return _settle_ends(engine, run, _without(unheard, patient))


def reconcile_stage(engine: Engine, run: Run) -> None:
    """Settle the program of the run's present stage in the same way, if there is one."""
    stage = _STAGE_OF.get(run.state, "")
    found = tasks.find(engine.ports.tables, run.id, run.generation, stage) if stage else None
    if found is None or found.result.state is TaskState.DONE or not _is_due(engine, found.result):
        return
    unheard = {stage: found.result}
    _settle_ends(engine, run, _without(unheard, receipts.settle_unheard(engine, run, unheard)))


def _catch_up(engine: Engine, run: Run, known: Bitmap, done: list[str]) -> None:
    """Count tasks whose rows exist but are not in the progress: an invocation died in between."""
    behind = [unit for unit in done if (naming.unit_number(unit) or 0) not in known]
    if behind:
        receipts.count(engine, run, behind)


def _submitted(run: Run, pages: Bitmap, numbers: range) -> Iterable[str]:
    """Name the tasks that Batch got: those of the submitted pages."""
    if run.plan is None:
        return ()
    page_of = run.plan.page_of
    return (naming.unit_name(number) for number in numbers if page_of(number) in pages)


def _is_due(engine: Engine, result: TaskResult) -> bool:
    """Return whether a further execution has had enough time to begin."""
    return result.at is None or engine.now - result.at > engine.patience.receipt


def _without(unheard: Unheard, units: Collection[str]) -> dict[str, TaskResult]:
    return {unit: result for unit, result in unheard.items() if unit not in units}


def _settle_ends(engine: Engine, run: Run, unheard: Unheard) -> bool:
    """Settle tasks without a receipt that ended in Batch, or that will never run there.

    Returns False if the time was up before the last: the others are found again.
    """
    by_job: dict[str, dict[str, TaskResult]] = defaultdict(dict)
    for unit, result in unheard.items():
        stage = unit if naming.unit_number(unit) is None else ""
        job = run.names.job(result.execution, stage)
        by_job[job][unit] = result
    failed, planned = list[TaskResult](), published.PlannedItems(engine, run.plan)
    ended, handled = list[tuple[TaskResult, Cause, str]](), set[str]()
    for job, units in sorted(by_job.items()):
        ends = _failures(engine, run, job, units)
        ends |= _silent(engine, run, job, _without(units, ends))
        ended += [(units[unit], *end) for unit, end in sorted(ends.items())]
    for seen, cause, why in ended:
        handled.add(seen.unit)
        if not reexecution.execute_anew(engine, run, seen, cause, why):
            expected = planned.of(seen.unit)
            failed.append(_failed(engine, run, seen.unit, expected, (cause, why)))
        if engine.time_is_up:
            break
    numbered = [result for result in failed if naming.unit_number(result.unit) is not None]
    receipts.record(engine, run, numbered)
    for result in failed:
        if result not in numbered:
            tasks.finish(engine.ports.tables, run.id, run.generation, [result])
            reexecution.submit(engine, run, result)
    return len(handled) == len(ended)


def _failures(engine: Engine, run: Run, job: str, units: Unheard) -> dict[str, tuple[Cause, str]]:
    """Return why tasks failed that ended in Batch without a receipt."""
    before = engine.now - engine.patience.receipt
    return {
        end.task: _told(engine, run, units[end.task], end)
        for end in engine.ports.cluster.failures(job, before)
        if end.task in units
    }


def _told(engine: Engine, run: Run, result: TaskResult, end: TaskEnd) -> tuple[Cause, str]:
    """Return the cause and the words of Batch, or of a runner that began nothing."""
    full_time = executions.took_full_time(engine, run, end)
    cause, words = cause_of(end.code, end.exit_code, full_time=full_time), ""
    if end.exit_code in RUNNER_CODES:
        words = delivery.why_not(engine, run, result.unit, result.execution)
    return cause, words or f"{end.code}: {end.message}"


def _silent(engine: Engine, run: Run, job: str, units: Unheard) -> dict[str, tuple[Cause, str]]:
    """Return the tasks that Batch reports as succeeded, but that left no valid receipt.

    Also returns the tasks that never ran because their job is over.
    """
    if not units:
        return {}
    report = engine.ports.cluster.job(job)
    over, early = report.state not in _JOB_WORKS, run.idle_for(engine.now) <= engine.patience.upload
    if early and not (over and report.preparation.failed):
        return {}
    never = _never_ran(engine, run, job, report)
    if not report.state:
        return dict.fromkeys(units, never)
    # A task that failed just now is told by its own code, when its receipt had time to come.
    word = engine.ports.cluster.unconfirmed(job)
    ended = {} if early else _without(units, word.open | word.failed.keys())
    # A task may have completed, and its receipt arrived, since the receipts were listed.
    ended = _without(ended, receipts.settle_unheard(engine, run, ended) if ended else ())
    why = "the task completed without a valid receipt"
    silent = dict.fromkeys(ended, (Cause.RECEIPT_INVALID, why))
    return silent | (dict.fromkeys(units.keys() & word.open, never) if over else {})


def _never_ran(engine: Engine, run: Run, job: str, report: JobReport) -> tuple[Cause, str]:
    """Return why tasks are left in a job that is over."""
    if report.preparation.failed:
        return Cause.PREPARATION_FAILED, preparations.told(engine, run, job, report)
    return Cause.NODE_LOST, "its job was over before it could run"


def _failed(
    engine: Engine, run: Run, unit: str, expected: tuple[int, ...], end: tuple[Cause, str]
) -> TaskResult:
    """Describe a task that failed; what its journal says was finished counts."""
    result = failed_task(unit, expected, *end)
    found = journals.furthest(engine, run, unit, expected)
    if found is None:
        return result
    name, journal = found
    items = journal.with_rest(expected, *end)
    return result.model_copy(update={"items": items, "journal": name})
