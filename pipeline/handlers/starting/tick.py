"""Starts the runs that schedules are due for: ticks in (last recorded, now + 30 s], each once."""

from datetime import datetime, timedelta

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.ticks import due_ticks
from pipeline.domain.definitions.trigger import Overlap
from pipeline.domain.runs.run import Origin, OriginKind
from pipeline.errors import Conflict, FanfareError
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.starting.start import start
from pipeline.ledger import runs
from pipeline.ports.tables import Insert, Replace, Row

_KEY = "!schedule"
_AHEAD = timedelta(seconds=30)


def on_tick(engine: Engine) -> None:
    """Look at every schedule; a tick is recorded only after its run was claimed."""
    for pipeline in engine.catalogue.pipelines.values():
        if pipeline.trigger.schedule is None:
            continue
        try:
            _look_at(engine, pipeline)
        except FanfareError as error:
            log.warning(
                "Schedule not looked at this time",
                extra={"action": "tick", "pipeline": pipeline.name, "reason": str(error)},
            )


def _look_at(engine: Engine, pipeline: Pipeline) -> None:
    schedule = pipeline.trigger.schedule
    row = engine.ports.tables.get(runs.TABLE, pipeline.name, _KEY)
    if row is None or schedule is None:
        _record(engine, pipeline.name, None, engine.now)
        return
    last = row.values["last"]
    assert isinstance(last, datetime)  # noqa: S101 - only this module writes these rows
    ticks = due_ticks(schedule, last, engine.now + _AHEAD)
    for tick in ticks:
        _start_tick(engine, pipeline, tick)
    _record(engine, pipeline.name, row, ticks[-1] if ticks else max(last, engine.now))


def _start_tick(engine: Engine, pipeline: Pipeline, tick: datetime) -> None:
    schedule = pipeline.trigger.schedule
    if schedule and schedule.overlap is Overlap.SKIP and _going(engine, pipeline.name, tick):
        log.warning(
            "Tick skipped: the run before it is still going",
            extra={"action": "tick", "pipeline": pipeline.name, "tick": tick.isoformat()},
        )
        return
    origin = Origin(kind=OriginKind.SCHEDULE, key=(OriginKind.SCHEDULE, tick.isoformat()), at=tick)
    start(engine, pipeline, origin, None, {})


def _going(engine: Engine, pipeline: str, tick: datetime) -> bool:
    """Whether a run of an earlier tick has no verdict yet; that of the tick itself is met again."""
    tables = engine.ports.tables
    found = [runs.load(tables, run) for run in runs.active_of(tables, pipeline)]
    origins = [held.run.origin for held in found if held and not held.run.over]
    return any(o.kind is OriginKind.SCHEDULE and o.at < tick for o in origins)


def _record(engine: Engine, pipeline: str, row: Row | None, last: datetime) -> None:
    written = Row(pipeline, _KEY, {"last": last}, row.etag if row else None)
    try:
        operation = Replace(written) if row else Insert(written)
        engine.ports.tables.transact(runs.TABLE, pipeline, [operation])
    except Conflict:
        log.info("Another tick recorded the schedule", extra={"action": "tick"})
