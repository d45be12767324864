"""Starts the runs whose blob events were lost: compares each trigger's prefix with the ledger.

Looks only at blobs that are newer than the pipeline's activation here and so old that their event
is overdue. Only `fanfare backfill` starts older blobs, and blobs of a trigger that restricts
`apis`: a listing does not show which operation created a blob. A search that the time of an
invocation does not suffice for goes on at the next one, where it stopped.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import batched

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.trigger import BlobTrigger
from pipeline.domain.runs import naming
from pipeline.domain.runs.asking.askers import ENGINE
from pipeline.domain.runs.events import BlobCreated
from pipeline.domain.runs.keeping import outputs
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Conflict, FanfareError, Permanent
from pipeline.handlers import abreast, backups
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.starting.start import Started, blob_key, known, start_for_blob
from pipeline.ledger import runs, watermarks
from pipeline.ledger.keeping import retention
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import Busy, Cursor, LongStep
from pipeline.ledger.watermarks import Watched
from pipeline.ports.blobs import BlobFacts

MAX_STARTS = 100
_AT_ONCE = 64  # blobs whose runs are looked up together
_OVERLAP = timedelta(hours=1)
_SEARCH = ENGINE.model_copy(update={"name": "search for lost events"})


def activate(engine: Engine) -> None:
    """Note the time from which each new pipeline's blobs are watched: now.

    A damaged row keeps no other pipeline from it. Raises Transient.
    """
    for pipeline in engine.catalogue.pipelines.values():
        if pipeline.trigger.blob is None:
            continue
        try:
            _activate(engine, pipeline)
        except Permanent as error:
            log.warning("Trigger not activated", extra=_about(pipeline, reason=str(error)))


def _activate(engine: Engine, pipeline: Pipeline) -> None:
    unknown = watermarks.watched(engine.ports.tables, pipeline.name) is None
    if unknown and not backups.is_lost(engine, pipeline.name):
        # Storage reports a blob's time in whole seconds.
        now = engine.now.replace(microsecond=0)
        _record(engine, pipeline, Watched(activated=now, swept=now))


def sweep_events(engine: Engine) -> int:
    """Start the runs whose events were lost, at most 100, and return how many.

    More lost events are logged as an error. A pipeline that fails does not stop the others.
    """
    started = 0
    for pipeline in engine.catalogue.pipelines.values():
        if pipeline.trigger.blob is not None:
            try:
                started += _sweep_pipeline(engine, pipeline, MAX_STARTS - started)
            except FanfareError as error:
                log.warning(
                    "Search for lost events failed: the next sweep searches again",
                    extra=_about(pipeline, reason=str(error)),
                )
    return started


def _sweep_pipeline(engine: Engine, pipeline: Pipeline, allowed: int) -> int:
    mark = watermarks.watched(engine.ports.tables, pipeline.name)
    until = engine.now - engine.patience.lost_event
    if mark is None:
        return 0
    if pipeline.trigger.blob and not pipeline.trigger.blob.all_usual:
        _leave_to_backfill(engine, pipeline, mark, until)
        return 0
    step = LongStep(pipeline.name, 0, "lost-events")
    taken = slices.take(engine.ports.tables, step, engine.token(), engine.now)
    if isinstance(taken, Busy):
        return 0
    since = max(mark.activated, mark.swept - _OVERLAP)
    try:
        before = taken.noted(_Search) or _Search(since=since, until=until)
        search, started = _search(engine, pipeline, before, allowed)
    except FanfareError as error:
        # Nobody says for how long a marker is valid: the next search begins anew.
        _give_back(engine, taken, "" if isinstance(error, Permanent) else taken.body)
        raise
    _give_back(engine, taken, search.model_dump_json() if search.marker else "")
    if search.over and not search.failed:
        _record(engine, pipeline, mark.until(search.until))
    return started


def _give_back(engine: Engine, taken: Cursor, body: str) -> None:
    slices.put_down(engine.ports.tables, taken, engine.now, 0, body)


class _Search(Stored):
    """How far a search has come: its range of time, the page that is next, and what failed.

    The first page has no marker, so `over` says whether there is no next one.
    """

    since: datetime
    until: datetime
    marker: str = ""
    failed: int = 0
    over: bool = False


def _search(
    engine: Engine, pipeline: Pipeline, search: _Search, allowed: int
) -> tuple[_Search, int]:
    """Search page by page while time and allowed starts last; return how many runs started."""
    trigger, started, tried = pipeline.trigger.blob, 0, 0
    assert trigger is not None  # noqa: S101 - the caller looked
    begun = search.marker
    listing = engine.ports.blobs.list_pages(trigger.container, trigger.prefix, begun)
    for page in listing:
        search = search.model_copy(update={"marker": page.marker})
        if engine.time_is_up and page.marker != begun:
            return search, started
        for facts in without_run(engine, pipeline, page.blobs, (search.since, search.until)):
            if tried == allowed:
                log.error(
                    "Many blob events were lost: the next sweep starts the remaining runs",
                    extra=_about(pipeline, started=started),
                )
                return search, started
            if is_below_watermark(engine, pipeline, facts):
                continue
            tried += 1
            if _start(engine, pipeline, facts):
                started += 1
            else:
                search = search.model_copy(update={"failed": search.failed + 1})
    return search.model_copy(update={"marker": "", "over": True}), started


def _start(engine: Engine, pipeline: Pipeline, facts: BlobFacts) -> bool:
    """Start the run of one blob, and return whether it started; if not, the next sweep tries."""
    try:
        start_for_blob(engine.asked_by(_SEARCH), pipeline, event_of(engine, facts))
    except FanfareError as error:
        log.warning(
            "Run of a lost event not started: the next sweep tries again",
            extra=_about(pipeline, blob=ascii(facts.ref.name), reason=str(error)),
        )
        return False
    return True


def start_present(engine: Engine, pipeline: str, ref: BlobRef) -> None:
    """Start the run of the version of a blob that is there now, unless it has one."""
    definition = engine.catalogue.pipelines.get(pipeline)
    facts = engine.ports.blobs.head(ref)
    if definition is None or facts is None or definition.trigger.blob is None:
        return
    complete = _complete(definition.trigger.blob, facts)
    if complete and complete <= engine.now and not known(engine, definition, facts):
        start_for_blob(engine, definition, event_of(engine, facts))


def _leave_to_backfill(engine: Engine, pipeline: Pipeline, mark: Watched, until: datetime) -> None:
    """Log once that this trigger is not searched, and move its mark, so no blob starts later."""
    if mark.told is None:
        log.warning(
            "The trigger restricts apis, which a listing does not show: lost events are not "
            "searched for; `fanfare backfill` starts such blobs",
            extra=_about(pipeline),
        )
    _record(engine, pipeline, mark.until(until, told=mark.told or engine.now))


def _about(pipeline: Pipeline, **more: object) -> dict[str, object]:
    return {"action": "lost_events", "pipeline": pipeline.name, **more}


def unclaimed(
    engine: Engine, pipeline: Pipeline, since: datetime, until: datetime
) -> Iterator[BlobFacts]:
    """Yield the blobs of a time range that should have a run but have none.

    Those below the watermark are left out.
    """
    trigger = pipeline.trigger.blob
    if trigger is not None:
        found = engine.ports.blobs.list(trigger.container, trigger.prefix)
        for facts in without_run(engine, pipeline, found, (since, until)):
            if not is_below_watermark(engine, pipeline, facts):
                yield facts


def is_below_watermark(engine: Engine, pipeline: Pipeline, facts: BlobFacts) -> bool:
    """Return whether a blob's run may be forgotten: nobody can tell whether it had one.

    The ETag and the time of a change tell nothing if only metadata was changed since then.
    """
    return is_below(retention.watermark(engine.ports.tables, pipeline.name), facts)


def is_below(watermark: datetime | None, facts: BlobFacts) -> bool:
    """Return whether a blob is not younger than a watermark, if there is one."""
    first = min(facts.created or facts.modified, facts.modified)
    return watermark is not None and first <= watermark


def rerun(engine: Engine, pipeline: Pipeline, facts: BlobFacts) -> Started:
    """Start the run of a blob below the watermark, in a generation that has no output yet."""
    event = event_of(engine, facts)
    run = naming.run_id(pipeline.name, blob_key(event))
    folder = outputs.folder(run)
    listed = engine.ports.blobs.list(folder.container, folder.name)
    found = (outputs.generation_of(facts.ref.name) for facts in listed)
    last = max((generation.number for generation in found if generation), default=0)
    return start_for_blob(engine, pipeline, event, last + 1)


def without_run(
    engine: Engine,
    pipeline: Pipeline,
    found: Iterable[BlobFacts],
    between: tuple[datetime, datetime],
) -> Iterator[BlobFacts]:
    """Yield those of the blobs that match and have no run that the ledger knows.

    They are complete since a time between two others. Several are looked up at a time.
    """
    trigger, (since, until) = pipeline.trigger.blob, between
    assert trigger is not None  # noqa: S101 - the callers looked

    def is_due(facts: BlobFacts) -> bool:
        complete = _complete(trigger, facts)
        return complete is not None and since <= complete <= until

    def has_run(facts: BlobFacts) -> bool:
        run = naming.run_id(pipeline.name, blob_key(event_of(engine, facts)))
        return bool(runs.load(engine.ports.tables, run)) or known(engine, pipeline, facts)

    for some in batched(filter(is_due, found), _AT_ONCE, strict=False):
        answers = abreast.each(has_run, some)
        yield from (facts for facts, has in zip(some, answers, strict=True) if not has)


def _complete(trigger: BlobTrigger, facts: BlobFacts) -> datetime | None:
    """Return since when a blob counts as complete.

    None for one that the trigger does not take, or that grows and nothing tells when it is whole.
    """
    if not (trigger.takes(facts.size) and trigger.matches(facts.ref.container, facts.ref.name)):
        return None
    if not facts.grows:
        return facts.modified
    return facts.modified + trigger.append_idle if trigger.append_idle else None


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


def _record(engine: Engine, pipeline: Pipeline, mark: Watched) -> None:
    try:
        watermarks.note_watched(engine.ports.tables, pipeline.name, mark)
    except Conflict:
        log.info("Another sweep recorded its time", extra=_about(pipeline))
