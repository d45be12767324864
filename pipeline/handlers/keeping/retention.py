"""Deletes what ended runs left when it is old enough, and forgets runs long after that.

The timer of every hour does a bounded part, oldest first; the next hour goes on from there. Outputs
and inputs are the user's: nothing here deletes them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum

from pipeline.domain.runs.asking.askers import ENGINE
from pipeline.domain.runs.asking.history import Act
from pipeline.domain.runs.keeping.backups import BackupInvalid, Marks
from pipeline.domain.runs.keeping.tombstones import is_tombstone, tombstone
from pipeline.domain.runs.run import OriginKind, Run
from pipeline.errors import FanfareError
from pipeline.handlers import backups
from pipeline.handlers.ending.leftovers import Allowance, erase
from pipeline.handlers.engine import Engine, context, log
from pipeline.ledger import index, outbox, runs, watermarks
from pipeline.ledger.keeping import retention
from pipeline.ledger.keeping.retention import Mark
from pipeline.ledger.rows import Unreadable
from pipeline.ledger.runs import Held
from pipeline.ledger.watermarks import Watched

WORK = 50_000  # blobs, rows and runs of one invocation
_SLACK = timedelta(days=1)  # most runs end within this time after their start
_MARGIN = timedelta(hours=1)  # between a forgotten run and the watermark, and behind the search
_SPAN = timedelta(days=1)  # of runs that are listed at once
_RETENTION = ENGINE.model_copy(update={"name": "retention"})


def retain(engine: Engine, work: int = WORK) -> None:
    """Shrink and forget runs of all pipelines that are old enough, up to a bound, for one slice.

    The pipeline that is furthest behind comes first; the error of one does not stop the others.
    """
    engine = engine.begun()
    allowance = Allowance(work, engine.slice.ends)
    for pipeline in _furthest_behind_first(engine):
        with _apart(pipeline):
            _shrink_put_off(engine, pipeline, allowance)
            _shrink(engine, pipeline, allowance)
            _forget(engine, pipeline, allowance)
    if allowance.left <= 0 or allowance.is_late(engine):
        log.warning("Retention is behind: the next hour goes on", extra={"action": "retention"})


def _furthest_behind_first(engine: Engine) -> list[str]:
    tables = engine.ports.tables
    never = datetime.min.replace(tzinfo=UTC)

    def passed(pipeline: str) -> datetime:
        try:
            return retention.read(tables, pipeline).passed or never
        except Unreadable:
            return never

    return sorted(index.pipelines(tables), key=passed)


@contextmanager
def _apart(pipeline: str, run: str = "") -> Iterator[None]:
    """Keep an error from the others; the next hour tries again."""
    try:
        yield
    except FanfareError as error:
        fields = {"action": "retention", "pipeline": pipeline, "run": run, "reason": str(error)}
        log.warning("Retention failed for one unit: the next hour tries again", extra=fields)


class Look(Enum):
    """What became of a run that was looked at."""

    DONE = "done"
    TOO_YOUNG = "too young"
    BROKEN_OFF = "broken off"


# --- parts


def _shrink(engine: Engine, pipeline: str, allowance: Allowance) -> None:
    """Shrink the runs that were created in the time that is due, first to last."""
    tables, mark = engine.ports.tables, retention.read(engine.ports.tables, pipeline)
    until = engine.now - engine.retention.parts - _SLACK
    if mark.passed is None:
        first = retention.oldest(tables, pipeline) or until
        mark = retention.note(tables, pipeline, mark.moved(first))
    passed = mark.passed or until
    while passed < until:
        end = min(passed + _SPAN, until)
        for created, run in retention.created(tables, pipeline, passed, end):
            if not allowance.takes(engine) or not _is_passed(engine, pipeline, run, allowance):
                retention.note(tables, pipeline, mark.moved(created))
                return
        passed = end
        mark = retention.note(tables, pipeline, mark.moved(passed))


def _shrink_put_off(engine: Engine, pipeline: str, allowance: Allowance) -> None:
    for run in retention.put_off_runs(engine.ports.tables, pipeline):
        if not allowance.takes(engine):
            return
        with _apart(pipeline, run):
            if _look(engine, run, allowance) is Look.DONE:
                retention.put_on(engine.ports.tables, pipeline, run)


def _is_passed(engine: Engine, pipeline: str, run: str, allowance: Allowance) -> bool:
    """Shrink a run, or put it off; return false if the allowance ended meanwhile."""
    look = Look.TOO_YOUNG
    with _apart(pipeline, run):
        look = _look(engine, run, allowance)
    if look is Look.TOO_YOUNG:
        retention.put_off(engine.ports.tables, pipeline, run)
    return look is not Look.BROKEN_OFF


def _look(engine: Engine, run_id: str, allowance: Allowance) -> Look:
    """Shrink a run if it is old enough. Raises Unreadable, and Conflict."""
    held = runs.load(engine.ports.tables, run_id)
    if held is None or is_tombstone(held.run):
        return Look.DONE
    ended = held.run.ended_at
    if not held.run.over or ended is None or engine.now - ended < engine.retention.parts:
        return Look.TOO_YOUNG
    if outbox.is_open(engine.ports.tables, held.run):
        return Look.TOO_YOUNG  # its event was not announced, or it still holds something
    held = _condemned(engine, held)
    if not erase(engine, held.run, allowance):
        return Look.BROKEN_OFF
    _bury(engine, held)
    return Look.DONE


def _condemned(engine: Engine, held: Held) -> Held:
    """Note that the run's parts are being deleted: from now on it cannot be redriven."""
    if held.run.purged_at:
        return held
    run, now = held.run, engine.now
    asked = run.asked_for(Act.PURGE, _RETENTION, now, run.generation)
    changes = {"purged_at": now, "step": engine.token(), "asked": asked}
    return runs.move(engine.ports.tables, held, run.model_copy(update=changes))


def _bury(engine: Engine, held: Held) -> None:
    backups.bury(engine, held.run)
    outbox.forget(engine.ports.tables, held.run)
    left = tombstone(held.run, engine.now, engine.token())
    runs.move(engine.ports.tables, held, left)
    log.info("Run shrunk to its tombstone", extra=context(left, "retention"))


# --- tombstones


def _forget(engine: Engine, pipeline: str, allowance: Allowance) -> None:
    """Raise the watermark, then forget the tombstones that lie below it."""
    mark = _raised(engine, pipeline)
    if mark.watermark is None:
        return
    # A rebuild may have raised the watermark higher than that.
    until = min(mark.watermark - _MARGIN, engine.now - engine.retention.runs)
    for run_id in retention.created_before(engine.ports.tables, pipeline, until):
        if not allowance.takes(engine):
            return
        with _apart(pipeline, run_id):
            held = runs.load(engine.ports.tables, run_id)
            if held and _may_be_forgotten(engine, held.run):
                backups.forget(engine, run_id)
                retention.forget(engine.ports.tables, held.run)


def _raised(engine: Engine, pipeline: str) -> Mark:
    """Raise the watermark to the beginning of a day, if there is a run to forget below it.

    It stays behind the search for lost events. Its backup is written first: what is forgotten lies
    below it, even if the ledger is lost.
    """
    tables, mark = engine.ports.tables, retention.read(engine.ports.tables, pipeline)
    watched = watermarks.watched(tables, pipeline)
    until = engine.now - engine.retention.runs
    if watched:
        until = min(until, watched.swept - _MARGIN)
    day = until.replace(hour=0, minute=0, second=0, microsecond=0)
    old = next(retention.created_before(tables, pipeline, day - _MARGIN), None)
    raised = mark.raised(day) if old else mark
    _back_up(engine, pipeline, raised, watched)
    return mark if raised == mark else retention.note(tables, pipeline, raised)


def _back_up(engine: Engine, pipeline: str, mark: Mark, watched: Watched | None) -> None:
    """Write the pipeline's marks, if the watermark rises, and else once a day."""
    try:
        before = backups.marks_of(engine, pipeline)
    except BackupInvalid:
        before = None  # somebody changed it: from now on it is whole
    risen = mark.watermark and (before is None or before.watermark != mark.watermark)
    if before and not risen and engine.now - before.at < _SPAN:
        return
    ticked = watermarks.ticked(engine.ports.tables, pipeline)
    marks = Marks(
        at=engine.now,
        since=(before.since if before else None) or engine.now,
        watermark=mark.watermark,
        activated=watched.activated if watched else None,
        swept=watched.swept if watched else None,
        ticked=ticked.last if ticked else None,
    )
    backups.note_marks(engine, pipeline, marks)


def _may_be_forgotten(engine: Engine, run: Run) -> bool:
    """Return whether it is old, and only a person who says `--rerun` can ask for it again."""
    young = run.ended_at is not None and engine.now - run.ended_at < engine.retention.runs
    return is_tombstone(run) and not young and not _is_asked_for(engine, run)


def _is_asked_for(engine: Engine, run: Run) -> bool:
    """Return whether the verdict that a run follows, or the tick that it is of, may come again."""
    tables = engine.ports.tables
    if run.origin.kind is OriginKind.SCHEDULE:
        ticked = watermarks.ticked(tables, run.pipeline)
        return ticked is None or ticked.last < run.origin.at
    if run.origin.kind is OriginKind.RUN:
        before = runs.load(tables, run.origin.key[1])
        return before is not None and outbox.is_open(tables, before.run)
    return False
