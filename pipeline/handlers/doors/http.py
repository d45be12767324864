"""The HTTP interface: checks a request, carries it out, and answers with plain data.

POST /api/runs, GET /api/runs[?pipeline=&limit=], GET /api/runs/{id},
POST /api/runs/{id}/cancel|redrive. docs/http.md is the page for callers.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.main import IncEx

from pipeline.domain.catalogue.catalogue import DefinitionError
from pipeline.domain.definitions.parameters import ScalarValue
from pipeline.domain.definitions.types import ContainerName
from pipeline.domain.notation.spelling import nearest
from pipeline.domain.runs import naming
from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, FanfareError, NotFound, Permanent, Transient
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

MAX_BODY = 64 << 10
MAX_KEY = 200
LISTED, MAX_LISTED, _MOST_DIGITS = 20, 200, 9
# A caller's input is read with the app's own rights and handed to the caller's tasks. So it cannot
# come from containers of the engine or the Functions host (`azure-webjobs-secrets` holds keys).
_HOST_CONTAINERS = "azure-webjobs-"


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: status, JSON body, and headers beside the usual ones."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)


type Action = Callable[[], Reply]


def _usable(key: str) -> str:
    if not key.strip():
        raise ValueError("it is empty: leave it out, or give it a value")
    if not key.isprintable():
        raise ValueError("it may have printable characters only, no control characters")
    return key


def _nameable(name: str) -> str:
    if "\0" in name:
        raise ValueError("the name of a blob cannot have the character NUL")
    return name


def _open_to_callers(container: str) -> str:
    if container in naming.RESERVED or container.startswith(_HOST_CONTAINERS):
        raise ValueError(f"container {container} cannot hold inputs: the app uses it itself")
    return container


class _InputBlob(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    container: Annotated[ContainerName, AfterValidator(_open_to_callers)]
    name: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_nameable)]


class _StartRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pipeline: str = Field(max_length=32)
    input: _InputBlob | None = None
    parameters: dict[str, ScalarValue] = Field(default_factory=dict, max_length=50)
    idempotency_key: (
        Annotated[str, Field(min_length=1, max_length=MAX_KEY), AfterValidator(_usable)] | None
    ) = None


def start_run(
    engine: Engine, body: bytes, idempotency_key: str | None, encoding: str | None = None
) -> Reply:
    """Start a run, or find the one that the key already started: 202 new, 200 known.

    The key in the header takes precedence over the one in the body; without a key, every request
    is a new run. A body in an `encoding` is refused: the host unpacks none, and neither do we.
    Raises Conflict when the key started a run with another input or other parameters.
    """
    if encoding and encoding.strip().lower() != "identity":
        text = f"The header Content-Encoding ({encoding[:50]!a}) is not supported"
        return Reply(415, {"error": f"{text}: send the JSON unpacked.", "retry": False})
    if len(body) > MAX_BODY:
        text = f"The request has {len(body):,} bytes; the limit is {MAX_BODY:,}."
        return Reply(413, {"error": text, "retry": False})
    request = _read(body)
    if idempotency_key is not None:
        _check_key(idempotency_key)
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


def list_runs(engine: Engine, pipeline: str | None = None, limit: str | None = None) -> Reply:
    """List the latest runs of one pipeline or of all."""
    tables, count = engine.ports.tables, _limit(limit)
    if pipeline and pipeline not in index.pipelines(tables):
        engine.catalogue.pipeline(pipeline)
    return Reply(200, listed(listing.latest(tables, pipeline, count)))


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


def redrive_run(engine: Engine, run_id: str) -> Reply:
    """Redrive a run that is over, which executes what failed: 202, or 409."""
    run = runs.need(engine.ports.tables, run_id).run
    with span("redrive", run.traceparent, run=run.id):
        run = steer.redrive(engine, run.id)
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


def _read(body: bytes) -> _StartRequest:
    try:
        return _StartRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))[:100] or "body"
        why = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = _InputBlob if first["loc"][0] == "input" else _StartRequest
            why = f"no such field{nearest(str(first['loc'][-1]), known.model_fields)}"
        raise Permanent(f"The request is invalid: {where}: {why}") from error


def _check_key(key: str) -> None:
    if len(key) > MAX_KEY:
        raise Permanent(f"The header Idempotency-Key has more than {MAX_KEY} characters.")
    try:
        _usable(key)
    except ValueError as error:
        raise Permanent(f"The header Idempotency-Key is invalid: {error}.") from error


def _digest(request: _StartRequest) -> str:
    """Digest a request's content, to tell a duplicate from another request with its key."""
    content = request.model_dump(mode="json", include={"input", "parameters"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:20]


def _limit(text: str | None) -> int:
    if not text:
        return LISTED
    short = text if len(text) <= _MOST_DIGITS else ""
    if not (short.isascii() and short.isdecimal() and 0 < int(short) <= MAX_LISTED):
        raise Permanent(f"limit must be a whole number from 1 to {MAX_LISTED}.")
    return int(short)


def _find(engine: Engine, blob: _InputBlob) -> BlobFacts:
    facts = engine.ports.blobs.head(BlobRef(blob.container, blob.name))
    if facts is None:
        raise NotFound(f"There is no blob {blob.name!a} in container {blob.container}.")
    return facts


# What only the engine needs, such as the secret from which addresses of receipts follow.
_OF_PLANS: dict[str, bool] = {"container": True, "sha256": True}
_INTERNAL: dict[str, IncEx | bool] = {
    **dict.fromkeys(("definition", "step", "seal", "chosen"), True),
    "plan": _OF_PLANS,
    "earlier": {"__all__": {"plan": _OF_PLANS}},
}
_LISTED = (
    "id", "pipeline", "generation", "state", "created_at", "ended_at", "purged_at",
    "why", "obstacle", "cause", "succeeded", "failed",
)  # fmt: skip


def listed(found: Listing) -> dict[str, object]:
    """Render a list of runs; `unreadable` says which rows could not be read."""
    return {
        "runs": [summary(run) for run in found.runs],
        "unreadable": [str(error) for error in found.damaged],
    }


def summary(run: Run) -> dict[str, object]:
    """Render a run for a list."""
    return run.model_dump(mode="json", include=set(_LISTED)) | {"by": _plain(run.by)}


def view(run: Run, obstacle: Obstacle | None) -> dict[str, object]:
    """Render a whole run, without the fields that only the engine needs."""
    noted = run.waits_for(obstacle, run.step) if obstacle else run
    shown: dict[str, object] = json.loads(noted.model_dump_json(exclude=_INTERNAL))
    return shown | {"by": _plain(run.by), "cancelled_by": _plain(run.cancelled_by)}


def _plain(by: Asker | None) -> dict[str, object] | None:
    return by.model_dump(mode="json") if by else None


def _answer(engine: Engine, run: Run) -> dict[str, object]:
    return view(run, obstacle_to(engine, run))
