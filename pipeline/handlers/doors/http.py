"""The HTTP interface: checks a request, carries it out, and answers with plain data.

POST /api/runs, GET /api/runs[?pipeline=&limit=&active=&after=], GET /api/runs/{id},
POST /api/runs/{id}/cancel|redrive; `files` has uploads and outputs, `looking` has what people see
of a run. docs/http.md is the page for callers, and `openapi` describes all this for programs.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic.main import IncEx

from pipeline.domain.catalogue.catalogue import DefinitionError
from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, FanfareError, NotFound, Permanent, Transient
from pipeline.handlers.doors.bodies import (
    InputBlob,
    Packed,
    StartRequest,
    TooLarge,
    check_key,
    read,
)
from pipeline.handlers.ending import steer
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.starting.admission import TooManyWaiting
from pipeline.handlers.starting.start import start_for_request
from pipeline.handlers.tracing import span
from pipeline.handlers.why import obstacle_to
from pipeline.ledger import index, listing, runs
from pipeline.ledger.listing import Listing
from pipeline.ledger.rows import Unreadable
from pipeline.ports.blobs import BlobFacts
from pipeline.settings import SettingMissing

LISTED, MAX_LISTED, _MOST_DIGITS = 20, 200, 9
MAX_GENERATION = 1_000_000


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: status, JSON body, and headers beside the usual ones."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)


type Action = Callable[[], Reply]


def start_run(
    engine: Engine, body: bytes, idempotency_key: str | None, encoding: str | None = None
) -> Reply:
    """Start a run, or find the one that the key already started: 202 new, 200 known.

    The key in the header takes precedence over the one in the body; without a key, every request
    is a new run. A body in an `encoding` is refused: the host unpacks none, and neither do we.
    Raises Conflict when the key started a run with another input or other parameters.
    """
    request = read(StartRequest, body, encoding)
    if idempotency_key is not None:
        check_key(idempotency_key)
    pipeline = engine.catalogue.pipeline(request.pipeline)
    if not pipeline.trigger.http:
        raise Permanent(
            f"Pipeline {pipeline.name} does not accept requests: set `trigger.http: true`."
        )
    key = idempotency_key or request.idempotency_key or engine.token()
    source = _find(engine, request.input) if request.input else None
    digest = _digest(request)
    started = start_for_request(engine, pipeline, key, source, request.parameters, digest)
    return Reply(202 if started.created else 200, _answer(engine, started.run))


def list_runs(
    engine: Engine,
    pipeline: str | None = None,
    limit: str | None = None,
    active: str | None = None,
    after: str | None = None,
) -> Reply:
    """List the latest runs of one pipeline or of all; with `active` only those that go on.

    `after` is the `next` of an earlier list, which goes on there.
    """
    count = whole_number("limit", limit, LISTED, 1, MAX_LISTED)
    if after and not index.is_place(after):
        raise Permanent(f"`after` has to be the `next` of a list, and is {after[:100]!a}.")
    going = _switch("active", active)
    return Reply(200, listed(latest(engine, pipeline, count, active=going, after=after or "")))


def latest(
    engine: Engine, pipeline: str | None, limit: int, *, active: bool, after: str = ""
) -> Listing:
    """List the latest runs, or active ones. Raises NotFound for a pipeline that nobody knows."""
    tables = engine.ports.tables
    if pipeline and pipeline not in index.pipelines(tables):
        engine.catalogue.pipeline(pipeline)
    if active:
        return listing.going(tables, pipeline).latest(limit, after)
    return listing.latest(tables, pipeline, limit, after)


def show_run(engine: Engine, run_id: str) -> Reply:
    """Show one run and what it waits for."""
    return Reply(200, _answer(engine, runs.need(engine.ports.tables, run_id).run))


def cancel_run(engine: Engine, run_id: str) -> Reply:
    """Cancel a run: 202, even if it was cancelled before; 409 if it ended otherwise."""
    run = runs.need(engine.ports.tables, run_id).run
    if run.state is not State.CANCELLED:
        with span("cancel", run.traceparent, run=run.id):
            run = steer.cancel(engine, run.id)
    return Reply(202, _answer(engine, run))


def redrive_run(engine: Engine, run_id: str, generation: str | None = None) -> Reply:
    """Redrive a run that is over, which executes what failed: 202, or 409.

    With the `generation` that is redriven the request can be repeated: it is 202 afterwards too.
    """
    of = whole_number("generation", generation, 0, 1, MAX_GENERATION) or None
    run = runs.need(engine.ports.tables, run_id).run
    with span("redrive", run.traceparent, run=run.id):
        run = steer.redrive(engine, run.id, of)
    return Reply(202, _answer(engine, run))


def answering(action: Action) -> Reply:
    """Carry out a request; every error of the engine becomes an answer that says what to do.

    After a conflict the request is carried out a second time: a conflict that remains will stay.
    """
    try:
        try:
            return action()
        except Conflict:
            return action()
    except FanfareError as error:
        status = _status(error)
        if status >= _SERVER_ERROR:
            log.error("Request not served", extra={"action": "http", "reason": str(error)})
        retry = isinstance(error, Transient) and not isinstance(error, Conflict)
        later = {"Retry-After": str(_LATER_S)} if isinstance(error, TooManyWaiting) else {}
        return Reply(status, {"error": str(error), "retry": retry}, later)


_SERVER_ERROR = 500
_LATER_S = 60  # the sweep admits waiting runs every minute
_STATUSES: tuple[tuple[type[FanfareError], int], ...] = (
    (TooLarge, 413),
    (Packed, 415),
    (SettingMissing, 500),
    (DefinitionError, 500),
    (Unreadable, 500),
    (NotFound, 404),
    (Conflict, 409),
    (Permanent, 400),
    (TooManyWaiting, 429),
    (Transient, 503),
)


def _status(error: FanfareError) -> int:
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), _SERVER_ERROR)


def _digest(request: StartRequest) -> str:
    """Digest a request's content, to tell a duplicate from another request with its key."""
    content = request.model_dump(mode="json", include={"input", "parameters"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:20]


def whole_number(name: str, text: str | None, default: int, least: int, most: int) -> int:
    """Read a number of the query; without text it is the default. Raises Permanent."""
    if not text:
        return default
    short = text if len(text) <= _MOST_DIGITS else ""
    if not (short.isascii() and short.isdecimal() and least <= int(short) <= most):
        raise Permanent(f"{name} must be a whole number from {least} to {most}.")
    return int(short)


def _switch(name: str, text: str | None) -> bool:
    """Read a switch of the query; without text it is off. Raises Permanent."""
    if not text:
        return False
    if text not in _SWITCH:
        raise Permanent(f"{name} must be true or false.")
    return _SWITCH[text]


_SWITCH = {"true": True, "false": False}


def _find(engine: Engine, blob: InputBlob) -> BlobFacts:
    facts = engine.ports.blobs.head(BlobRef(blob.container, blob.name))
    if facts is None:
        raise NotFound(f"There is no blob {blob.name!a} in container {blob.container}.")
    return facts


# What only the engine needs, such as the secret from which addresses of receipts follow.
OF_PLANS: dict[str, bool] = {"container": True, "sha256": True}
INTERNAL: dict[str, IncEx | bool] = {
    **dict.fromkeys(("definition", "step", "seal", "chosen"), True),
    "plan": OF_PLANS,
    "earlier": {"__all__": {"plan": OF_PLANS}},
}
OF_A_LIST = (
    "id", "pipeline", "generation", "state", "created_at", "ended_at", "purged_at",
    "why", "obstacle", "cause", "succeeded", "failed", "input", "node_seconds", "cost",
    "currency",
)  # fmt: skip


def listed(found: Listing) -> dict[str, object]:
    """Render a list of runs; `unreadable` says which rows could not be read.

    `next` is where the list goes on, or null at its end.
    """
    return {
        "runs": [summary(run) for run in found.runs],
        "unreadable": [str(error) for error in found.damaged],
        "next": found.rest or None,
    }


def summary(run: Run) -> dict[str, object]:
    """Render a run for a list."""
    return run.model_dump(mode="json", include=set(OF_A_LIST)) | {"by": _plain(run.by)}


def view(run: Run, obstacle: Obstacle | None) -> dict[str, object]:
    """Render a whole run, without the fields that only the engine needs."""
    noted = run.waits_for(obstacle, run.step) if obstacle else run
    shown: dict[str, object] = json.loads(noted.model_dump_json(exclude=INTERNAL))
    return shown | {"by": _plain(run.by), "cancelled_by": _plain(run.cancelled_by)}


def _plain(by: Asker | None) -> dict[str, object] | None:
    return by.model_dump(mode="json") if by else None


def _answer(engine: Engine, run: Run) -> dict[str, object]:
    return view(run, obstacle_to(engine, run))
