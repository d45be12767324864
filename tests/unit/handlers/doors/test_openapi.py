"""The OpenAPI document says what the app does: its routes, its answers, and every field of them."""

import json

import jsonschema_rs
import pytest

from pipeline.domain.access import NEEDED
from pipeline.handlers.doors import files, http, openapi
from tests.unit.handlers.conftest import LINES
from tests.unit.handlers.doors.test_http_page import PAGE, routes

DOCUMENT = openapi.document()
SCHEMAS = DOCUMENT["components"]["schemas"]


def operations():
    return [
        (method, path, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]


def complaints(name, answer):
    """Say where an answer breaks its schema, unknown fields included."""
    closed = {
        key: {**schema, "additionalProperties": False} if "properties" in schema else schema
        for key, schema in SCHEMAS.items()
    }
    root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": closed}}
    checked = jsonschema_rs.validator_for(json.loads(json.dumps(root)))
    return [f"{error.instance_path}: {error.message}" for error in checked.iter_errors(answer)]


@pytest.fixture
def app(app_with):
    app = app_with(LINES + "tolerance: {failed_items: '100%'}\n")
    app.upload("other/a.txt", b"one\ntwo\n")
    return app


def start(app):
    body = {"pipeline": "job", "input": {"container": "input", "name": "other/a.txt"}}
    return http.answering(lambda: http.start_run(app.engine, json.dumps(body).encode(), None)).body


def test_the_document_is_openapi():
    assert DOCUMENT["openapi"] == "3.1.0"
    for name in SCHEMAS:
        complaints(name, {})  # every reference leads somewhere


def test_it_has_the_routes_of_the_app():
    assert {f"{method.upper()} {path}" for method, path, _ in operations()} == set(routes())


def test_every_route_names_the_role_that_it_needs():
    text = " ".join(operation["description"] for _, _, operation in operations())
    assert text.count("app role") == len(NEEDED) == len(operations())


def test_its_refusals_are_those_of_the_page():
    said = {status for _, _, operation in operations() for status in operation["responses"]}
    assert not [status for status in said if f"`{status}`" not in PAGE]


@pytest.mark.parametrize("steps", [0, 1, 100])
def test_a_run_has_the_fields_of_the_document_and_no_others(app, steps):
    run = start(app)
    for _ in range(steps):
        app.pump()
    if steps > 1:
        app.settle()
    shown = http.show_run(app.engine, run["id"]).body
    assert complaints("Run", json.loads(json.dumps(shown))) == []
    listed = http.list_runs(app.engine).body
    assert complaints("RunList", json.loads(json.dumps(listed))) == []


def test_uploads_and_outputs_have_the_fields_of_the_document_and_no_others(app):
    run = start(app)
    app.settle()
    assert complaints("Upload", files.upload(app.engine, b'{"name": "a"}').body) == []
    assert complaints("Outputs", files.outputs(app.engine, run["id"]).body) == []


def test_nothing_that_only_the_engine_needs_is_in_the_document():
    text = json.dumps(SCHEMAS["Run"])
    assert not [name for name in ("definition", "seal", "step", "chosen") if f'"{name}"' in text]


def test_an_error_has_the_fields_of_the_document(app):
    refused = http.answering(lambda: http.show_run(app.engine, "none"))
    assert refused.status == 404
    assert complaints("Error", refused.body) == []
