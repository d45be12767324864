"""Starts the runs whose blob events were lost: compares each trigger's prefix with the ledger.

Looks only at blobs younger than the pipeline's activation here and older than an event may be late.
Older blobs are started by `fanfare backfill` alone.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pipeline.domain import naming
from pipeline.domain.definition import Pipeline
from pipeline.domain.events import BlobCreated
from pipeline.errors import Conflict
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.start import blob_key, start_for_blob
from pipeline.ledger import runs
from pipeline.ports import BlobFacts, Insert, Replace, Row

MAX_STARTS = 100
_KEY = "!events"
_OVERLAP = timedelta(hours=1)


def activate(engine: Engine) -> None:
    """Note from when on a pipeline's blobs are watched: as soon as it is deployed."""
    for pipeline in engine.catalogue.pipelines.values():
        watched = pipeline.trigger.blob is not None
        if watched and engine.ports.tables.get(runs.TABLE, pipeline.name, _KEY) is None:
            # Storage tells a blob's time in whole seconds.
            now = engine.now.replace(microsecond=0)
            _record(engine, pipeline.name, None, {"activated": now, "swept": now})


def sweep_events(engine: Engine) -> int:
    """Start what was lost, at most 100 runs; more than that is an alert. Return how many."""
    started = 0
    for pipeline in engine.catalogue.pipelines.values():
        if pipeline.trigger.blob is not None:
            started += _sweep_pipeline(engine, pipeline, MAX_STARTS - started)
    return started


def _sweep_pipeline(engine: Engine, pipeline: Pipeline, allowed: int) -> int:
    row = engine.ports.tables.get(runs.TABLE, pipeline.name, _KEY)
    until = engine.now - engine.patience.lost_event
    if row is None:
        return 0
    activated, swept = _time(row, "activated"), _time(row, "swept")
    started = 0
    for facts in unclaimed(engine, pipeline, max(activated, swept - _OVERLAP), until):
        if started >= allowed:
            log.error(
                "Many blob events were lost: the rest is started next time",
                extra={"action": "lost_events", "pipeline": pipeline.name, "started": started},
            )
            return started
        start_for_blob(engine, pipeline, event_of(engine, facts))
        started += 1
    _record(engine, pipeline.name, row, {"activated": activated, "swept": max(swept, until)})
    return started


def unclaimed(
    engine: Engine, pipeline: Pipeline, since: datetime, until: datetime
) -> Iterator[BlobFacts]:
    """Yield the blobs of a time range that should have a run and have none."""
    trigger = pipeline.trigger.blob
    if trigger is None:
        return
    for facts in engine.ports.blobs.list(trigger.container, trigger.prefix):
        fits = facts.size > 0 and trigger.matches(facts.ref.container, facts.ref.name)
        if not fits or not since <= facts.modified <= until:
            continue
        run = naming.run_id(pipeline.name, blob_key(event_of(engine, facts)))
        if runs.load(engine.ports.tables, run) is None:
            yield facts


def event_of(engine: Engine, facts: BlobFacts) -> BlobCreated:
    """Render a listed blob as the event that it should have raised."""
    return BlobCreated(
        event_id="",
        at=facts.modified,
        api="",
        container=facts.ref.container,
        name=facts.ref.name,
        etag=facts.etag,
        size=facts.size,
        url=engine.ports.blobs.url(facts.ref),
        content_type=facts.content_type,
    )


def _record(engine: Engine, pipeline: str, row: Row | None, times: dict[str, datetime]) -> None:
    written = Row(pipeline, _KEY, times, row.etag if row else None)
    try:
        operation = Replace(written) if row else Insert(written)
        engine.ports.tables.transact(runs.TABLE, pipeline, [operation])
    except Conflict:
        log.info("Another sweep recorded its time", extra={"action": "lost_events"})


def _time(row: Row, name: str) -> datetime:
    value = row.values[name]
    assert isinstance(value, datetime)  # noqa: S101 - only this module writes these rows
    return value
