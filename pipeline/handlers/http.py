"""The HTTP interface: what a request asks is checked and done, the answer is plain data.

POST /api/runs, GET /api/runs[?pipeline=], GET /api/runs/{id}, POST /api/runs/{id}/cancel|redrive.
"""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.domain.run import Run
from pipeline.errors import Conflict, FanfareError, NotFound, Permanent, Transient
from pipeline.handlers import steer
from pipeline.handlers.engine import Engine
from pipeline.handlers.start import start_for_request
from pipeline.handlers.why import explain
from pipeline.ledger import runs
from pipeline.ports import BlobFacts, BlobRef

MAX_BODY = 64 << 10
MAX_LISTED = 200


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: status and JSON body."""

    status: int
    body: Mapping[str, object]


type Action = Callable[[], Reply]


class _InputBlob(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    container: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")
    name: str = Field(min_length=1, max_length=1024)


class _StartRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pipeline: str = Field(max_length=32)
    input: _InputBlob | None = None
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict, max_length=50)
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)


def start_run(engine: Engine, body: bytes, idempotency_key: str | None) -> Reply:
    """Start a run, or meet the one that the key already started: 202 new, 200 known."""
    if len(body) > MAX_BODY:
        raise Permanent(f"The request has {len(body)} bytes; at most {MAX_BODY} are read.")
    try:
        request = _StartRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise Permanent(f"The request is not as it should be: {where}: {first['msg']}") from error
    pipeline = engine.catalogue.pipelines.get(request.pipeline)
    if pipeline is None:
        known = ", ".join(sorted(engine.catalogue.pipelines)) or "none"
        raise NotFound(f"There is no pipeline {request.pipeline!r}; there are: {known}.")
    if not pipeline.trigger.http:
        raise Permanent(f"Pipeline {pipeline.name} takes no requests: set `trigger.http: true`.")
    key = idempotency_key or request.idempotency_key or engine.token()
    source = _find(engine, request.input) if request.input else None
    started = start_for_request(engine, pipeline, key, source, request.parameters)
    return Reply(202 if started.created else 200, view(engine, started.run))


def list_runs(engine: Engine, pipeline: str | None, limit: int = 20) -> Reply:
    """List the latest runs of one pipeline or of all."""
    names = [pipeline] if pipeline else runs.pipelines(engine.ports.tables)
    count = max(1, min(limit, MAX_LISTED))
    ids = [
        run
        for name in names
        for run in itertools.islice(runs.recent(engine.ports.tables, name), count)
    ]
    found = [held.run for run in ids if (held := runs.load(engine.ports.tables, run))]
    found.sort(key=lambda run: run.created_at, reverse=True)
    return Reply(200, {"runs": [summary(run) for run in found[:count]]})


def show_run(engine: Engine, run_id: str) -> Reply:
    """Show one run and what it waits for."""
    return Reply(200, view(engine, runs.need(engine.ports.tables, run_id).run))


def cancel_run(engine: Engine, run_id: str) -> Reply:
    """Cancel a run: 202, or 409 when it is over."""
    return Reply(202, view(engine, steer.cancel(engine, run_id)))


def redrive_run(engine: Engine, run_id: str) -> Reply:
    """Run again what failed of a run that is over: 202, or 409."""
    return Reply(202, view(engine, steer.redrive(engine, run_id)))


def answering(action: Action) -> Reply:
    """Carry out a request; every error of ours becomes an answer that says what to do."""
    try:
        return action()
    except FanfareError as error:
        retry = isinstance(error, Transient) and not isinstance(error, Conflict)
        return Reply(_status(error), {"error": str(error), "retry": retry})


def _status(error: FanfareError) -> int:
    table = ((NotFound, 404), (Conflict, 409), (Permanent, 400), (Transient, 503))
    return next((status for kind, status in table if isinstance(error, kind)), 500)


def _find(engine: Engine, blob: _InputBlob) -> BlobFacts:
    facts = engine.ports.blobs.head(BlobRef(blob.container, blob.name))
    if facts is None:
        raise NotFound(f"There is no blob {blob.name!a} in container {blob.container}.")
    return facts


def summary(run: Run) -> dict[str, object]:
    """Render a run for a list."""
    fields = {"id", "pipeline", "generation", "state", "created_at", "ended_at", "why", "cause"}
    return run.model_dump(mode="json", include=fields | {"succeeded", "failed"})


def view(engine: Engine, run: Run) -> dict[str, object]:
    """Render a run whole, without what is the engine's own business."""
    shown: dict[str, object] = json.loads(run.model_dump_json(exclude={"definition", "step"}))
    shown["why"] = explain(engine, run)
    return shown
