"""Finds what any arrow lost and sends it again, through the same handlers and conditional moves."""

from collections.abc import Callable, Mapping

from pipeline.domain.causes import Cause
from pipeline.domain.lifecycle import STOPPABLE, State
from pipeline.domain.messages import AnnounceMessage
from pipeline.domain.run import Run
from pipeline.errors import Conflict, FanfareError
from pipeline.handlers import admission, demand, lost_events, plan, reconcile, steer, submit
from pipeline.handlers.conclude import fail, release
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.why import explain
from pipeline.ledger import progress, runs
from pipeline.ledger.runs import Ended, Held

_ADMITTED = 10


def sweep(engine: Engine) -> None:
    """Look at every run without a verdict and every event that was not announced."""
    tables = engine.ports.tables
    lost_events.activate(engine)
    for pipeline in runs.pipelines(tables):
        for entry in runs.unannounced(tables, pipeline):
            run, event = str(entry.event["subject"]).removeprefix("runs/"), str(entry.event["id"])
            trace = str(entry.event.get("traceparent", ""))
            engine.send("announce", AnnounceMessage(run=run, event=event, traceparent=trace))
        for ended in runs.ended(tables, pipeline):
            _release(engine, ended)
        for run_id in runs.active_of(tables, pipeline):
            _look_after(engine, run_id)
    admission.admit_next(engine, count=_ADMITTED)
    for pool in engine.catalogue.pools:
        demand.push(engine, pool)


def _look_after(engine: Engine, run_id: str) -> None:
    """Look after one run; what goes wrong with one must not keep the sweep from the others."""
    try:
        held = runs.load(engine.ports.tables, run_id)
        if held is None or held.run.over:
            return
        late = held.run.deadline is not None and engine.now > held.run.deadline
        if late and held.run.state in STOPPABLE:
            limit = engine.definition(held.run).limits.run
            fail(engine, held, Cause.RUN_TIMED_OUT, f"The run took longer than {limit}.")
            return
        _STEPS[held.run.state](engine, held)
        _say_why(engine, run_id)
    except FanfareError as error:
        log.warning(
            "Run not looked after this time",
            extra={"action": "sweep", "run": run_id, "reason": str(error)},
        )


def _release(engine: Engine, ended: Ended) -> None:
    """Free what a verdict could not free."""
    try:
        release(engine, ended)
    except FanfareError as error:
        log.warning(
            "Ended run not released this time",
            extra={**context(ended.run, "sweep"), "reason": str(error)},
        )


def _stale(engine: Engine, run: Run) -> bool:
    return run.idle_for(engine.now) > engine.patience.stale


def _claimed(engine: Engine, held: Held) -> None:
    if _stale(engine, held.run):
        engine.wake("plan", held.run)


def _planning(engine: Engine, held: Held) -> None:
    if held.run.idle_for(engine.now) > engine.patience.receipt:
        reconcile.reconcile_stage(engine, held.run)
    _claimed(engine, held)


def _submitting(engine: Engine, held: Held) -> None:
    run = held.run
    if run.plan is None:
        return
    if _stale(engine, run):
        pages = progress.union(engine.ports.tables, run.id, run.generation, "pages")
        if run.plan.tasks and pages.is_complete(run.plan.pages):
            submit.complete(engine, run)
        else:
            plan.request_pages(engine, run)
    _running(engine, held)


def _running(engine: Engine, held: Held) -> None:
    run = held.run
    if run.plan is None or not run.plan.tasks:
        return
    if run.idle_for(engine.now) <= engine.patience.receipt:
        return
    if run.state is State.RUNNING:
        engine.ports.jobs.close(run.job)
    report = engine.ports.cluster.job(run.job)
    done = progress.union(engine.ports.tables, run.id, run.generation, "tasks").count()
    ended = report.succeeded + report.failed
    works = report.state == "active"
    if ended > done or done >= run.plan.tasks or run.executions or not works:
        reconcile.reconcile_tasks(engine, run)


def _assembling(engine: Engine, held: Held) -> None:
    if held.run.idle_for(engine.now) > engine.patience.receipt:
        reconcile.reconcile_stage(engine, held.run)
        if held.run.executions:
            reconcile.reconcile_tasks(engine, held.run)
    if _stale(engine, held.run):
        engine.wake("assemble", held.run)


def _committing(engine: Engine, held: Held) -> None:
    if _stale(engine, held.run):
        engine.wake("assemble", held.run)


def _cancelling(engine: Engine, held: Held) -> None:
    steer.finish_cancel(engine, held)


def _waiting(_engine: Engine, _held: Held) -> None:
    """Admission looks after those that wait."""


_STEPS: Mapping[State, Callable[[Engine, Held], None]] = {
    State.CLAIMED: _claimed,
    State.WAITING: _waiting,
    State.PLANNING: _planning,
    State.SUBMITTING: _submitting,
    State.RUNNING: _running,
    State.ASSEMBLING: _assembling,
    State.COMMITTING: _committing,
    State.CANCELLING: _cancelling,
}


def _say_why(engine: Engine, run_id: str) -> None:
    """Record what the run waits for, when that changed."""
    held = runs.load(engine.ports.tables, run_id)
    if held is None or held.run.over or held.run.idle_for(engine.now) < engine.patience.receipt:
        return
    why = explain(engine, held.run)
    if why != held.run.why:
        told = held.run.model_copy(update={"why": why, "step": engine.token()})
        try:
            runs.move(engine.ports.tables, held, told)
        except Conflict:
            return  # it moved on; the reason was for where it stood
        log.info("Run waits", extra={**context(told, "why"), "why": why})
