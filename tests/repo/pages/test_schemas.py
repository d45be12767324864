"""The published JSON Schemas are those of the code."""

import json
from pathlib import Path

import pytest

from pipeline.domain.catalogue.schema import (
    completion_schema,
    manifest_schema,
    pipeline_schema,
    pool_schema,
)
from pipeline.handlers.doors import openapi

FOLDER = Path(__file__).resolve().parents[3] / "docs/schemas"
SCHEMAS = {
    "pipeline": pipeline_schema,
    "pool": pool_schema,
    "manifest": manifest_schema,
    "completion-event": completion_schema,
}


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.schema.json"


def rendered(name: str) -> str:
    return json.dumps(SCHEMAS[name](), indent=2) + "\n"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_published_schema_is_that_of_the_code(name):
    written = path_of(name).read_text("utf-8") if path_of(name).exists() else ""
    assert written == rendered(name), "run `fanfare schema`"


def test_the_published_document_of_the_http_interface_is_that_of_the_code():
    written = FOLDER.parent / "openapi.json"
    assert written.read_text("utf-8") == json.dumps(openapi.document(), indent=2) + "\n"


def test_only_these_schemas_are_published():
    assert {path.name for path in FOLDER.iterdir()} == {path_of(name).name for name in SCHEMAS}


def test_the_event_schema_has_the_trace_and_no_null():
    schema = completion_schema()
    trace = schema["properties"]["traceparent"]
    assert (trace["type"], "default" in trace) == ("string", False)
    assert "traceparent" not in schema["required"]
