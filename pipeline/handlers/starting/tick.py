"""Starts the runs of due schedules: ticks in (last recorded, now + 30 s], each once."""

from datetime import datetime, timedelta

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.ticks import due_ticks
from pipeline.domain.definitions.trigger import Overlap
from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.runs.run import Origin, OriginKind
from pipeline.errors import Conflict, FanfareError
from pipeline.handlers import backups
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.starting.start import start
from pipeline.ledger import listing, watermarks
from pipeline.ledger.watermarks import Ticked

_AHEAD = timedelta(seconds=30)
_SCHEDULE = Asker.of_trigger("schedule")


def on_tick(engine: Engine) -> None:
    """Start the due ticks of every schedule; a tick is recorded only after its run was claimed."""
    for pipeline in engine.catalogue.pipelines.values():
        if pipeline.trigger.schedule is None:
            continue
        try:
            _look_at(engine, pipeline)
        except FanfareError as error:
            log.warning(
                "Check of a schedule failed: the next minute checks again",
                extra={"action": "tick", "pipeline": pipeline.name, "reason": str(error)},
            )


def _look_at(engine: Engine, pipeline: Pipeline) -> None:
    schedule, mark = (
        pipeline.trigger.schedule,
        watermarks.ticked(engine.ports.tables, pipeline.name),
    )
    if mark is None or schedule is None:
        if backups.is_lost(engine, pipeline.name):
            return  # a rebuild of the ledger knows the last tick
        _record(engine, pipeline.name, Ticked(engine.now))
        return
    ticks = due_ticks(schedule, mark.last, engine.now + _AHEAD)
    for tick in ticks:
        _start_tick(engine, pipeline, tick)
    last = ticks[-1] if ticks else max(mark.last, engine.now)
    _record(engine, pipeline.name, Ticked(last, mark.etag))


def _start_tick(engine: Engine, pipeline: Pipeline, tick: datetime) -> None:
    schedule = pipeline.trigger.schedule
    if schedule and schedule.overlap is Overlap.SKIP and _going(engine, pipeline.name, tick):
        log.warning(
            "Tick skipped: the previous run is still active",
            extra={"action": "tick", "pipeline": pipeline.name, "tick": tick.isoformat()},
        )
        return
    origin = Origin(kind=OriginKind.SCHEDULE, key=(OriginKind.SCHEDULE, tick.isoformat()), at=tick)
    start(engine.asked_by(_SCHEDULE), pipeline, origin, None, {})


def _going(engine: Engine, pipeline: str, tick: datetime) -> bool:
    """Return whether a run of an earlier tick is active; the tick's own run does not count."""
    going = listing.going(engine.ports.tables, pipeline).runs
    origins = [run.origin for run in going if not run.over]
    return any(o.kind is OriginKind.SCHEDULE and o.at < tick for o in origins)


def _record(engine: Engine, pipeline: str, mark: Ticked) -> None:
    try:
        watermarks.note_tick(engine.ports.tables, pipeline, mark)
    except Conflict:
        log.info("Another tick recorded the schedule", extra={"action": "tick"})
