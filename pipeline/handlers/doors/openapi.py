"""The OpenAPI document of the HTTP interface, made of the models that requests and answers have.

docs/openapi.json is this document, and docs/http.md has the promise that `VERSION` stands for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pipeline.domain.access import NEEDED, Operation
from pipeline.domain.runs.run import Run
from pipeline.handlers.doors.bodies import MAX_BODY, StartRequest, UploadRequest
from pipeline.handlers.doors.files import Outputs, Upload
from pipeline.handlers.doors.http import (
    INTERNAL,
    OF_A_LIST,
    OF_PLANS,
)
from pipeline.handlers.doors.looking import Logs, Progress
from pipeline.handlers.doors.parameters import PARAMETERS

# Of the interface, not of the engine: a minor version adds, a major one takes away or changes.
VERSION = "1.0.0"
OPENAPI = "3.1.0"
_SCHEMAS = "#/components/schemas/"

type Json = dict[str, object]

_REFUSALS: Mapping[int, str] = {
    400: "The request, a parameter, the key or a number is invalid. Without a body or as text: the "
    "host refused a header or the path.",
    401: "The function key or the token is missing or invalid. For a function key without a body.",
    403: "The token lacks the role, or a page of another site asks the local stack.",
    404: "It does not exist. Without a body: the route does not exist.",
    409: "The state of the run does not allow it, or the key belongs to another request.",
    413: f"The body has more than {MAX_BODY:,} bytes.",
    415: "The body is packed: send it without `Content-Encoding`.",
    421: "Only on the local stack: the request asks for another name than this machine's.",
    429: "Too many runs of the pipeline wait; `Retry-After` says when to repeat the request.",
    500: "The app lacks a setting or its definitions have faults. Without a body: a defect.",
    503: "Storage or Batch does not answer now: repeat the request.",
}
_ALWAYS = (400, 401, 403, 404, 421, 500, 503)
_HEADERS: Mapping[int, Json] = {
    401: {"WWW-Authenticate": {"description": "For tokens.", "schema": {"type": "string"}}},
    429: {
        "Retry-After": {
            "description": "When to repeat the request, in seconds.",
            "schema": {"type": "integer"},
        }
    },
}


@dataclass(frozen=True)
class _Route:
    """A route: who may use it, what it takes, and what it answers if all is well."""

    method: Literal["get", "post"]
    path: str
    name: str
    operation: Operation
    says: str
    good: Mapping[int, tuple[str, str]]
    refusals: tuple[int, ...] = ()
    body: str = ""
    parameters: tuple[str, ...] = ()


_ROUTES = (
    _Route(
        "post",
        "/api/runs",
        "startRun",
        Operation.START,
        "Start a run, or find the one that the same request with the same key started.",
        {202: ("The run was started.", "Run"), 200: ("The key started this run before.", "Run")},
        (409, 413, 415, 429),
        "StartRequest",
        ("Idempotency-Key",),
    ),
    _Route(
        "get",
        "/api/runs",
        "listRuns",
        Operation.LIST,
        "List the latest runs.",
        {200: ("The runs, the latest first.", "RunList")},
        parameters=("pipeline", "limit", "active", "after"),
    ),
    _Route(
        "get",
        "/api/runs/{run}",
        "showRun",
        Operation.SHOW,
        "Show a run and what it waits for.",
        {200: ("The run.", "Run")},
        parameters=("run",),
    ),
    _Route(
        "get",
        "/api/runs/{run}/standing",
        "showStanding",
        Operation.LOOK,
        "Show how far a run is, and the first items that failed.",
        {200: ("How the run stands.", "Standing")},
        parameters=("run", "failures"),
    ),
    _Route(
        "get",
        "/api/runs/{run}/logs",
        "showLogs",
        Operation.LOGS,
        "Show what the programs of one unit printed, or of all units, up to a bound.",
        {200: ("The logs.", "Logs")},
        parameters=("run", "unit", "generation"),
    ),
    _Route(
        "post",
        "/api/runs/{run}/cancel",
        "cancelRun",
        Operation.CANCEL,
        "Cancel a run; it may be cancelled already.",
        {202: ("The run is cancelled, or is about to be.", "Run")},
        (409,),
        parameters=("run",),
    ),
    _Route(
        "post",
        "/api/runs/{run}/redrive",
        "redriveRun",
        Operation.REDRIVE,
        "Execute again what failed of a run that is over.",
        {202: ("The run in its next generation.", "Run")},
        (409,),
        parameters=("run", "redriven generation"),
    ),
    _Route(
        "get",
        "/api/runs/{run}/outputs",
        "listOutputs",
        Operation.DOWNLOAD,
        "List the files of a run's output, with signed URLs.",
        {200: ("Files in the order of the manifest.", "Outputs")},
        (409,),
        parameters=("run", "skip", "number of files"),
    ),
    _Route(
        "post",
        "/api/uploads",
        "startUpload",
        Operation.UPLOAD,
        "Get a signed URL to which the input of a run is uploaded.",
        {200: ("Where the input goes.", "Upload")},
        (413, 415),
        "UploadRequest",
    ),
)


def document() -> Json:
    """Return the document as JSON."""
    paths: dict[str, Json] = {}
    for route in _ROUTES:
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    keys: list[Json] = [{"functionKey": []}, {"functionKeyInQuery": []}, {"entra": []}]
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Fanfare",
            "version": VERSION,
            "description": "Starts, lists, shows, cancels and redrives runs, takes their inputs "
            "and hands out their outputs. The local stack wants a function key, Azure a token.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {
                "url": "{endpoint}",
                "variables": {"endpoint": {"default": "http://127.0.0.1:7071"}},
            }
        ],
        "security": keys,
        "paths": paths,
        "components": {"securitySchemes": _security(), "schemas": _schemas()},
    }


def _operation(route: _Route) -> Json:
    good: Json = {
        str(status): {"description": text, "content": _json(name)}
        for status, (text, name) in route.good.items()
    }
    bad = {str(status): _refusal(status) for status in sorted({*_ALWAYS, *route.refusals})}
    described: Json = {
        "operationId": route.name,
        "summary": route.says,
        "description": f"In Azure the token needs the app role `{NEEDED[route.operation]}`.",
        "parameters": [PARAMETERS[name] for name in route.parameters],
        "responses": good | bad,
    }
    if route.body:
        described["requestBody"] = {"required": True, "content": _json(route.body)}
    return described


def _refusal(status: int) -> Json:
    found: Json = {"description": _REFUSALS[status], "content": _json("Error")}
    return found | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


def _json(schema: str) -> Json:
    return {"application/json": {"schema": {"$ref": _SCHEMAS + schema}}}


def _security() -> Json:
    return {
        "functionKey": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
        "functionKeyInQuery": {"type": "apiKey", "in": "query", "name": "code"},
        "entra": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of Entra for the app registration of the deployment.",
        },
    }


def _schemas() -> Json:
    asked = _of_models([StartRequest, UploadRequest], "validation")
    answered = _of_models([Run, Outputs, Upload, Progress, Logs], "serialization")
    for name, hidden in (("Run", INTERNAL), ("PublishedPlan", OF_PLANS)):
        shown = _properties(answered[name])
        answered[name]["properties"] = {
            field: schema
            for field, schema in shown.items()
            if field not in hidden or hidden[field] is not True
        }
    asker: Json = {"anyOf": [{"$ref": _SCHEMAS + "Asker"}, {"type": "null"}]}
    run = _properties(answered["Run"])
    summary: Json = {
        "description": "A run as a list shows it.",
        "properties": {name: run[name] for name in OF_A_LIST} | {"by": asker},
    }
    run |= {"by": asker, "cancelled_by": asker}
    listed: Json = {
        "runs": {"type": "array", "items": {"$ref": _SCHEMAS + "RunSummary"}},
        "unreadable": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Which rows of the ledger are damaged.",
        },
        "next": {
            "type": ["string", "null"],
            "description": "Where the list goes on, for `after`; null at its end.",
        },
    }
    progress = answered.pop("Progress")
    shown = {"run": {"$ref": _SCHEMAS + "Run"}, **_properties(progress)}
    standing = {"description": progress["description"], "properties": shown}
    answered |= {"Standing": standing, "RunSummary": summary, "RunList": {"properties": listed}}
    answers = {name: _open(schema) for name, schema in answered.items() if name not in asked}
    return dict(sorted((asked | answers | {"Error": _error()}).items()))


def _error() -> Json:
    return {
        "type": "object",
        "properties": {
            "error": {"type": "string", "description": "What is wrong, and what to do."},
            "retry": {
                "type": "boolean",
                "description": "Whether a repetition may succeed later; the host leaves it out.",
            },
        },
        "required": ["error"],
    }


def _of_models(
    models: Iterable[type[BaseModel]], mode: Literal["validation", "serialization"]
) -> dict[str, Json]:
    pairs = [(model, mode) for model in models]
    _, found = models_json_schema(pairs, ref_template=_SCHEMAS + "{model}")
    defined: dict[str, Json] = found["$defs"]
    return defined


def _properties(schema: Json) -> Json:
    found = schema["properties"]
    assert isinstance(found, dict)  # noqa: S101 - every model is an object
    return found


def _open(schema: Json) -> Json:
    """Return the schema of a part of an answer, to which later releases may add.

    So words are examples, and other fields are allowed. Every field that is known is always there.
    """
    if "enum" in schema:
        words = schema["enum"]
        return {"type": "string", "examples": words, "description": _open_words(schema)}
    fields = {
        name: {key: value for key, value in field.items() if key != "default"}
        for name, field in _properties(schema).items()
        if isinstance(field, dict)
    }
    described = {"description": schema["description"]} if "description" in schema else {}
    return {"type": "object", **described, "properties": fields, "required": [*fields]}


def _open_words(schema: Json) -> str:
    said = str(schema.get("description", "")).partition("\n")[0]
    return f"{said} Later releases may add words.".strip()
