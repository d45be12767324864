"""Finds lost messages and sends them again, through the same handlers and conditional moves."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import STOPPABLE, State
from pipeline.domain.runs.messages import AnnouncedEvent, AnnounceMessage, Step
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting.verdicts import ASKS_AGAIN, pool_failed
from pipeline.errors import Conflict, FanfareError
from pipeline.handlers import metering
from pipeline.handlers.ending import early, steer
from pipeline.handlers.ending.conclude import Verdict, conclude, release
from pipeline.handlers.engine import DefinitionUnreadable, Engine, context, log
from pipeline.handlers.mending import looks, preparations, reconcile
from pipeline.handlers.mending.apart import apart
from pipeline.handlers.planning import plan, planner
from pipeline.handlers.running import demand, submit
from pipeline.handlers.starting import admission, lost_events
from pipeline.handlers.why import note_failing, obstacle_to
from pipeline.ledger import index, outbox, pools, progress, runs
from pipeline.ledger.index import ActiveEntry
from pipeline.ledger.outbox import OutboxEntry, Unreleased
from pipeline.ledger.runs import Held

_ADMITTED = 10


def sweep(engine: Engine) -> bool:
    """Check every active run, and every event that was not announced.

    Returns whether there was anything to check.
    """
    with apart("activation"):
        lost_events.activate(engine)
    tables, looking, checked = engine.ports.tables, looks.once(engine), 0
    waiting: Counter[str] = Counter()
    look_after = partial(_look_after, waiting)
    for pipeline in index.pipelines(tables):
        look = partial(_each, engine, pipeline)
        checked += look("outbox", partial(outbox.unannounced, tables), _announce)
        checked += look("ended", partial(outbox.unreleased, tables), release)
        checked += _each(looking, pipeline, "runs", partial(index.activity, tables), look_after)
    metering.waiting(waiting)
    with apart("admission"):
        admission.admit_next(engine, count=_ADMITTED)
    for pool in engine.catalogue.pools:
        with apart("demand", pool=pool):
            demand.push(engine, pool)
    with apart("watches"):
        for watch in pools.watches(tables):
            with apart("watch", pool=watch.pool_id):
                demand.look_after(engine, watch)
    return checked > 0


def _each[E: (OutboxEntry, Unreleased, ActiveEntry)](
    engine: Engine,
    pipeline: str,
    unit: str,
    entries: Callable[[str], Iterator[E]],
    look: Callable[[Engine, E], object],
) -> int:
    """Handle every entry of a kind, and count them; the error of one does not affect the others."""
    count = 0
    with apart(unit, pipeline=pipeline):
        for entry in entries(pipeline):
            count += 1
            with apart(unit, pipeline=pipeline, row=entry.row.key):
                look(engine, entry)
    return count


def _announce(engine: Engine, entry: OutboxEntry) -> None:
    """Ask again for the announcement of an event that has waited too long."""
    event = AnnouncedEvent.model_validate(entry.event)
    if engine.now - entry.asked(event.time) <= engine.patience.stale:
        return
    run = event.subject.removeprefix("runs/")
    message = AnnounceMessage(
        step=Step.ANNOUNCE, run=run, event=event.id, traceparent=event.traceparent
    )
    log.warning("Announcement overdue: the sweep asks again", extra={"action": "sweep", "run": run})
    engine.ask(message)
    index.note_asked(engine.ports.tables, entry.row, engine.now)


def _look_after(waiting: Counter[str], engine: Engine, entry: ActiveEntry) -> None:
    """Handle one run, and note what it waits for, or the error that keeps the sweep from it.

    `waiting` counts the runs that wait, by obstacle.
    """
    held = runs.load(engine.ports.tables, entry.run)
    if held is None or held.run.over:
        return
    if held.run.obstacle:
        waiting[str(held.run.obstacle.code)] += 1
    needed = looks.needed(engine, held.run, entry)
    if needed is None:
        return
    try:
        _end_or_go_on(engine, held, needed)
    except Conflict:
        raise  # somebody else moved it
    except FanfareError as error:
        note_failing(engine, held.run, "the sweep failed", error)
        _say_why(engine, entry.run)
        raise
    _say_why(engine, entry.run)


def _end_or_go_on(engine: Engine, held: Held, entry: ActiveEntry) -> None:
    """End a run when its time is over, or do what its state needs."""
    run = held.run
    if run.state in STOPPABLE and (verdict := _over(engine, run)):
        conclude(engine, held, verdict)
        return
    preparations.give_up(engine, run)
    stale = engine.now - entry.asked(run.changed_at) > engine.patience.stale
    if stale and early.noted(engine, run):
        engine.wake(Step.ASSEMBLE, run)
        index.note_asked(engine.ports.tables, entry.row, engine.now)
        return
    if _STEPS[run.state](engine, held, stale):
        log.warning("Run does not move: the sweep asks again", extra=context(run, "sweep"))
        index.note_asked(engine.ports.tables, entry.row, engine.now)


def _over(engine: Engine, run: Run) -> Verdict | None:
    """Return the verdict of a run that cannot go on.

    Its time is over, its pool has not worked for long, or nobody can read its definition.
    """
    if run.deadline is not None and engine.now > run.deadline:
        # The noted obstacle comes first: the job has a time limit of its own, and may be over.
        obstacle = run.obstacle or obstacle_to(engine, run)
        text = f"The run reached its time limit ({run.deadline:%F %T} UTC)"
        waited = f" while it waited: {obstacle.evidence}" if obstacle else ""
        return Verdict(State.FAILED, Cause.RUN_TIMED_OUT, f"{text}{waited}.", obstacle=obstacle)
    if verdict := _without_pool(engine, run):
        return verdict
    if run.idle_for(engine.now) <= engine.patience.stale:
        return None
    try:
        engine.definition(run)
    except DefinitionUnreadable as error:
        return Verdict(State.FAILED, Cause.DEFINITION_UNREADABLE, str(error))
    return None


def _without_pool(engine: Engine, run: Run) -> Verdict | None:
    """Return the verdict of a run whose pool has kept one fault for too long, and still has it."""
    patience = engine.patience.pool
    if not pool_failed(run.obstacle, engine.now, patience):
        return None
    present = obstacle_to(engine, run)
    cause = pool_failed(present, engine.now, patience)
    if cause is None or present is None:
        return None
    minutes = int(patience.total_seconds()) // 60
    text = f"The pool has not worked for {minutes} minutes: {present.evidence}"
    return Verdict(State.FAILED, cause, text, obstacle=present)


# What each state needs. A step returns whether it sent a message, which it does only for a stale
# run: one that has not moved, and was not asked to, for longer than a message may take.


def _claimed(engine: Engine, held: Held, stale: bool) -> bool:
    return stale and _wake(engine, Step.PLAN, held.run)


def _planning(engine: Engine, held: Held, stale: bool) -> bool:
    if held.run.idle_for(engine.now) > engine.patience.receipt:
        reconcile.reconcile_stage(engine, held.run)
    if not stale or planner.is_at_work(engine, held.run):
        return False
    return _wake(engine, Step.PLAN, held.run)


def _submitting(engine: Engine, held: Held, stale: bool) -> bool:
    run = held.run
    if run.plan is None:
        return False
    if stale:
        pages = progress.union(engine.ports.tables, run.id, run.generation, "pages")
        if run.plan.tasks and pages.is_complete(run.plan.pages):
            submit.complete(engine, run)
        else:
            plan.request_pages(engine, run)
    return _running(engine, held, stale) or stale


def _running(engine: Engine, held: Held, stale: bool) -> bool:
    run = held.run
    if run.plan is None or not run.plan.tasks:
        return False
    if run.idle_for(engine.now) <= engine.patience.receipt:
        return False
    if run.state is State.RUNNING:
        engine.ports.jobs.close(run.job)
    report = engine.ports.cluster.job(run.job)
    done = progress.union(engine.ports.tables, run.id, run.generation, "tasks").count()
    ended = report.succeeded + report.failed
    works = report.state == "active"
    if ended > done or done >= run.plan.tasks or run.executions or not works:
        reconcile.reconcile_tasks(engine, run)
    return stale and done >= run.plan.tasks and _wake(engine, Step.ASSEMBLE, run)


def _assembling(engine: Engine, held: Held, stale: bool) -> bool:
    if held.run.idle_for(engine.now) > engine.patience.receipt:
        reconcile.reconcile_stage(engine, held.run)
        if held.run.executions or stale:
            reconcile.reconcile_tasks(engine, held.run)
    return stale and _wake(engine, Step.ASSEMBLE, held.run)


def _committing(engine: Engine, held: Held, stale: bool) -> bool:
    """Ask for the commit again.

    No time limit ends a commit: a late invocation may still write the manifest, so only `assemble`
    decides, by what it finds.
    """
    return stale and _wake(engine, Step.ASSEMBLE, held.run)


def _cancelling(engine: Engine, held: Held, _stale: bool) -> bool:
    steer.finish_cancel(engine, held)
    return False


def _waiting(engine: Engine, held: Held, _stale: bool) -> bool:
    """Leave waiting runs to admission, but see that they are in its line."""
    if held.run.idle_for(engine.now) > engine.patience.receipt:
        admission.restore_line(engine, held.run)
    return False


def _wake(engine: Engine, step: Step, run: Run) -> bool:
    engine.wake(step, run)
    return True


_STEPS: Mapping[State, Callable[[Engine, Held, bool], bool]] = {
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
    """Note what the run waits for, if that changed."""
    held = runs.load(engine.ports.tables, run_id)
    if held is None or held.run.over or held.run.idle_for(engine.now) < engine.patience.receipt:
        return
    obstacle = obstacle_to(engine, held.run)
    if obstacle and obstacle.code in ASKS_AGAIN and demand.lapsed(engine, held.run):
        demand.register(looks.anew(engine), held.run, _left(engine, held.run))
    if obstacle is None or obstacle == held.run.obstacle:
        return
    waits = held.run.waits_for(obstacle, engine.token())
    try:
        runs.move(engine.ports.tables, held, waits)
    except Conflict:
        return  # it moved on, so the obstacle is outdated
    fields = {"obstacle": str(obstacle.code), "why": waits.why}
    log.info("Run waits", extra={**context(waits, "why"), **fields})


def _left(engine: Engine, run: Run) -> int:
    """Return how many tasks a run has open: those of its plan, or that of a stage program."""
    if run.plan is None or run.state not in (State.SUBMITTING, State.RUNNING):
        return 1
    done = progress.union(engine.ports.tables, run.id, run.generation, "tasks").count()
    return max(1, run.plan.tasks - done)
