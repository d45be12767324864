"""Starts runs for a blob, a tick or a request: claim first, then ask for the plan."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.trigger import Unchanged
from pipeline.domain.notation.accounts import account_of
from pipeline.domain.runs import naming
from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.runs.asking.history import Act, Asked
from pipeline.domain.runs.events import BlobCreated, parse_blob_created
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import EventMessage, Step
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Input, Origin, OriginKind, Run
from pipeline.errors import Conflict, Permanent
from pipeline.handlers import backups, probe
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.starting import admission
from pipeline.handlers.tracing import span
from pipeline.ledger import index, runs
from pipeline.ledger.keeping import retention
from pipeline.ledger.runs import Held
from pipeline.ports.blobs import BlobFacts

BLOB = Asker.of_trigger("blob")


@dataclass(frozen=True)
class Started:
    """The run of a cause, and whether it is new."""

    run: Run
    created: bool


def on_blob(message: EventMessage, engine: Engine) -> list[Started]:
    """Start a run of every pipeline that the blob matches; log at debug level why none does."""
    event = parse_blob_created(message.event)
    if event is None:
        log.debug("Event ignored: it is not about a created blob", extra={"action": "on_blob"})
        return []
    if probe.answer(engine, event):
        return []
    if not event.etag:
        event = _completed(engine, event)
    started = [
        start_for_blob(engine.asked_by(BLOB), pipeline, event)
        for pipeline in engine.catalogue.pipelines.values()
        if matches(pipeline, event)
        and not _is_forgotten(engine, pipeline, event)
        and not _of_known_content(engine, pipeline, event)
    ]
    if not started:
        log.debug("Event ignored: no pipeline matches this blob", extra=_about(event))
    return started


def _completed(engine: Engine, event: BlobCreated) -> BlobCreated:
    """Add what an event about a new name does not tell; of a blob that is gone it stays empty."""
    facts = engine.ports.blobs.head(event.ref)
    if facts is None:
        return event
    return replace(event, etag=facts.etag, size=facts.size, content_type=facts.content_type)


def matches(pipeline: Pipeline, event: BlobCreated) -> bool:
    """Decide whether a created blob triggers a pipeline; empty blobs and folders never do."""
    trigger = pipeline.trigger.blob
    return (
        trigger is not None
        and trigger.takes(event.size)
        and not event.grows
        and event.api in trigger.apis
        and trigger.matches(event.container, event.name)
    )


def _is_forgotten(engine: Engine, pipeline: Pipeline, event: BlobCreated) -> bool:
    """Return whether an event is so old that its run may have been forgotten."""
    if engine.now - event.at <= engine.patience.lost_event:
        return False
    watermark = retention.watermark(engine.ports.tables, pipeline.name)
    if watermark is None or event.at > watermark:
        return False
    log.warning(
        "Event ignored: it lies below the watermark, and its run may be forgotten; "
        "`fanfare backfill --rerun` starts such blobs",
        extra={**_about(event), "pipeline": pipeline.name, "watermark": watermark.isoformat()},
    )
    return True


def start_for_blob(
    engine: Engine, pipeline: Pipeline, event: BlobCreated, generation: int = 1
) -> Started:
    """Start the run of one pipeline for one blob version.

    `generation` is the first whose output nothing has, for a blob whose run may be forgotten.
    """
    source = Input(
        container=event.container,
        name=event.name,
        etag=event.etag,
        size=event.size,
        url=event.url,
        content_type=event.content_type,
        sequencer=event.sequencer,
    )
    origin = Origin(kind=OriginKind.BLOB, key=blob_key(event), at=event.at, event_id=event.event_id)
    return start(engine, pipeline, origin, source, {}, generation)


def known(engine: Engine, pipeline: Pipeline, facts: BlobFacts) -> bool:
    """Return whether a run has this content already, under an ETag of before.

    An ETag changes with metadata, headers and the tier, which are no new version. A run that has
    not pinned its input does not count: its pin will find the ETag gone, and end it.
    """
    trigger = pipeline.trigger.blob
    skips = trigger is not None and trigger.unchanged is Unchanged.SKIP and bool(facts.md5)
    for run, source in _runs_of(engine, pipeline, facts.ref):
        if source.has_content(facts.size, facts.created, facts.md5):
            return True
        same = (source.size, source.md5) == (facts.size, facts.md5)
        if skips and same and (not run.over or run.state is State.SUCCEEDED):
            return True
    return False


def _runs_of(engine: Engine, pipeline: Pipeline, ref: BlobRef) -> Iterator[tuple[Run, Input]]:
    """Yield a pipeline's runs of one blob, with the version that each works on."""
    for run_id in index.of_blob(engine.ports.tables, pipeline.name, ref.container, ref.name):
        held = runs.load(engine.ports.tables, run_id)
        if held and held.run.input:
            yield held.run, held.run.input


def _of_known_content(engine: Engine, pipeline: Pipeline, event: BlobCreated) -> bool:
    """Return whether an event is about content that has a run already.

    The ETag of a late event may be of before a change of metadata, which the search for lost events
    saw. And a trigger may ask to skip the same bytes.
    """
    trigger = pipeline.trigger.blob
    late = engine.now - event.at > engine.patience.lost_event
    skips = trigger is not None and trigger.unchanged is Unchanged.SKIP
    if not late and not skips:
        return False
    facts = engine.ports.blobs.head(event.ref)
    if facts is None:
        return False
    if facts.etag == event.etag:
        return skips and known(engine, pipeline, facts)
    return late and any(
        _is_of(event, run, source) and source.has_content(facts.size, facts.created, facts.md5)
        for run, source in _runs_of(engine, pipeline, facts.ref)
    )


def _is_of(event: BlobCreated, run: Run, source: Input) -> bool:
    """Return whether a run may be of an event's content: another event has other content."""
    return not run.origin.event_id and source.size == event.size


def blob_key(event: BlobCreated) -> tuple[str, ...]:
    """Return what identifies a blob version: account, container, name and ETag."""
    account = account_of(event.url)
    return (OriginKind.BLOB, account, event.container, event.name, event.etag)


def start_for_request(
    engine: Engine,
    pipeline: Pipeline,
    idempotency_key: str,
    source: BlobFacts | None,
    parameters: Mapping[str, object],
    request: str = "",
) -> Started:
    """Start the run of a caller's idempotency key, or find it.

    Parameters of the request take precedence over those in the input's metadata. `request` is a
    digest of the request. Raises InvalidParameters, Permanent for a new run that lacks its input,
    TooManyWaiting for a new run, and Conflict if another request used the key.
    """
    described = pipeline.parameters_in(source.ref, source.metadata) if source else {}
    given = pipeline.resolve_parameters({**described, **parameters})
    key = (OriginKind.REQUEST, idempotency_key)
    origin = Origin(kind=OriginKind.REQUEST, key=key, at=engine.now, request=request)
    taken = input_of(source, engine.ports.blobs.url(source.ref)) if source else None
    if runs.load(engine.ports.tables, naming.run_id(pipeline.name, key)) is None:
        _check_input(pipeline, taken)
        admission.check_room(engine, pipeline)
    started = start(engine, pipeline, origin, taken, given)
    earlier = started.run.origin.request
    if earlier and request and earlier != request:
        text = f"The key {idempotency_key!a} started run {started.run.id} with another request."
        raise Conflict(f"{text} Use a new key for a new request.")
    return started


def _check_input(pipeline: Pipeline, source: Input | None) -> None:
    """Raise Permanent before a run costs anything that could only fail."""
    if source is None and pipeline.split.needs_input:
        raise Permanent(
            f"Pipeline {pipeline.name} splits its input ({pipeline.split.kind}): name a blob as "
            "`input`."
        )


def input_of(facts: BlobFacts, url: str) -> Input:
    """Describe a blob as the input of a run."""
    return Input(
        container=facts.ref.container,
        name=facts.ref.name,
        etag=facts.etag,
        size=facts.size,
        url=url,
        content_type=facts.content_type,
    )


def start(
    engine: Engine,
    pipeline: Pipeline,
    origin: Origin,
    source: Input | None,
    parameters: Mapping[str, object],
    generation: int = 1,
) -> Started:
    """Claim the run for whom the engine works, and ask for its plan.

    A duplicate call asks again while the run is only claimed.
    """
    now, run_id = engine.now, naming.run_id(pipeline.name, origin.key)
    run = Run.model_validate(
        {
            "id": run_id,
            "pipeline": pipeline.name,
            "generation": generation,
            "origin": origin,
            "input": source,
            "parameters": dict(parameters),
            "definition": pipeline.to_json(),
            "pool": pipeline.pool,
            "created_at": now,
            "changed_at": now,
            "deadline": now + pipeline.limits.run,
            "step": engine.token(),
            "traceparent": _traceparent(run_id),
            "asked": (Asked(act=Act.START, by=engine.by, at=now, generation=generation),),
        }
    )
    with span("claim", run.traceparent, run=run_id, pipeline=pipeline.name):
        first = partial(backups.check_first, engine, pipeline.name)
        held, created = runs.claim(engine.ports.tables, run, first)
        if held.run.state is State.CLAIMED:
            engine.wake(Step.PLAN, held.run)
        if source and not created:
            held = _with_sequencer(engine, held, source.sequencer)
    action = "claimed" if created else "already claimed"
    log.info("Run claimed, now or before", extra=context(held.run, action))
    return Started(held.run, created)


def _with_sequencer(engine: Engine, held: Held, sequencer: str) -> Held:
    """Add what the event of a version tells to a run that began before the event came.

    Sequencers order versions that were written within the same second.
    """
    known = held.run.input
    if held.run.over or known is None or known.sequencer or not sequencer:
        return held
    told = known.model_copy(update={"sequencer": sequencer})
    run = held.run.model_copy(update={"input": told, "step": engine.token()})
    return runs.move(engine.ports.tables, held, run)


def _traceparent(run_id: str) -> str:
    """Derive the trace of a run from its id, so that no hand-over can lose it."""
    digest = hashlib.sha256(run_id.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01"


def _about(event: BlobCreated) -> dict[str, object]:
    return {
        "action": "on_blob",
        "container": event.container,
        "blob": ascii(event.name),
        "api": event.api,
        "size": event.size,
    }
