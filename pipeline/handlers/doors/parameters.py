"""The parameters of the HTTP interface, as OpenAPI describes them."""

from collections.abc import Mapping

from pipeline.handlers.doors.bodies import MAX_KEY
from pipeline.handlers.doors.files import MAX_FILES, MAX_SKIPPED
from pipeline.handlers.doors.http import LISTED, MAX_GENERATION, MAX_LISTED
from pipeline.handlers.doors.looking import FAILURES, MAX_FAILURES

type Json = dict[str, object]


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _number(default: int, least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


PARAMETERS: Mapping[str, Json] = {
    "run": {"name": "run", "in": "path", "required": True, "schema": {"type": "string"}},
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
        "description": "With it the request can be repeated and starts one run.",
    },
    "pipeline": _query("pipeline", {"type": "string"}, "Only the runs of this pipeline."),
    "limit": _query("limit", _number(LISTED, 1, MAX_LISTED), "How many runs."),
    "skip": _query("skip", _number(0, 0, MAX_SKIPPED), "How many files to leave out."),
    "active": _query("active", {"type": "boolean"}, "Only runs that are not over."),
    "after": _query("after", {"type": "string"}, "The `next` of a list, which goes on there."),
    "failures": _query("failures", _number(FAILURES, 0, MAX_FAILURES), "How many failed items."),
    "unit": _query("unit", {"type": "string"}, "`t000012`, `split` or `assemble`; default: all."),
    "generation": _query(
        "generation",
        {"type": "integer", "minimum": 1, "maximum": MAX_GENERATION},
        "Of which generation; default: the latest.",
    ),
    "redriven generation": _query(
        "generation",
        {"type": "integer", "minimum": 1, "maximum": MAX_GENERATION},
        "Which generation failed. With it the request can be repeated and redrives once.",
    ),
    "number of files": _query("limit", _number(MAX_FILES, 1, MAX_FILES), "How many files."),
}
