"""Requests that are wrong on purpose: none is a 500, and each answer names the field and a way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.handlers.doors import http
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written
from tests.unit.handlers.conftest import LINES

PARAMETERS = """
parameters:
  width: {type: integer, default: 3, maximum: 9}
  note: {type: string, default: a}
  share: {type: number, default: 1}
"""
DEEP = 65_000
LONE = "\udcff"  # a byte of a header that is not UTF-8, where a host hands it on


@pytest.fixture(scope="module")
def app():
    return FakeApp.of(written((("job", LINES + PARAMETERS),)))


def start(app, body=b'{"pipeline": "job"}', key=None, encoding=None):
    return http.answering(lambda: http.start_run(app.engine, body, key, encoding))


def with_parameters(text):
    return f'{{"pipeline": "job", "parameters": {text}}}'.encode()


BODIES = {
    "nothing": (b"", "pipeline"),
    "deep lists": (b"[" * DEEP, "body"),
    "deep objects": (b'{"a":' * 10_000, "body"),
    "deep parameters": (with_parameters('{"width": ' + "[" * 20_000 + "]" * 20_000 + "}"), "body"),
    "no UTF-8": (b'{"pipeline": "\xff\xfe"}', "body"),
    "UTF-16": ('{"pipeline": "job"}'.encode("utf-16"), "body"),
    "a lone surrogate": (b'{"pipeline": "\\ud800"}', "body"),
    "a list": (b"[]", "body"),
    "null": (b"null", "body"),
    "not a number": (with_parameters('{"share": NaN}'), "parameters.share"),
    "without end": (with_parameters('{"share": 1e999}'), "parameters.share"),
    "a huge integer": (with_parameters('{"width": ' + "9" * 60_000 + "}"), "number out of range"),
    "a huge integer for text": (
        with_parameters('{"note": -' + "9" * 4_000 + "}"),
        "note",
    ),
    "an unknown huge one": (with_parameters('{"other": ' + "9" * 4_000 + "}"), "other"),
    "a NUL in a text": (with_parameters('{"note": "a\\u0000b"}'), "note"),
    "a number as a key": (b'{"pipeline": "job", "idempotency_key": 1}', "idempotency_key"),
    "an empty key": (b'{"pipeline": "job", "idempotency_key": ""}', "idempotency_key"),
    "a key of blanks": (b'{"pipeline": "job", "idempotency_key": "  "}', "idempotency_key"),
    "a line feed in a key": (b'{"pipeline": "job", "idempotency_key": "a\\nb"}', "idempotency_key"),
    "a NUL in a key": (b'{"pipeline": "job", "idempotency_key": "\\u0000"}', "idempotency_key"),
    "a NUL in a name": (
        b'{"pipeline": "job", "input": {"container": "input", "name": "a\\u0000b"}}',
        "input.name",
    ),
    "a way out of the container": (
        b'{"pipeline": "job", "input": {"container": "../work", "name": "a"}}',
        "input.container",
    ),
}


@pytest.mark.parametrize(("body", "named"), BODIES.values(), ids=BODIES)
def test_a_wrong_body_is_400_and_the_answer_names_the_field(app, body, named):
    reply = start(app, body)
    assert (reply.status, reply.body["retry"]) == (400, False), reply.body
    assert named in reply.body["error"]
    assert len(json.dumps(reply.body)) < 2000
    assert "set_int_max_str_digits" not in reply.body["error"]


KEYS = {
    "empty": "",
    "of blanks": "  ",
    "too long": "k" * 201,
    "a megabyte": "k" * (1 << 20),
    "a control character": "a\x07b",
    "a line feed": "a\nb",
    "NUL": "a\0b",
    "bytes that are no UTF-8": f"a{LONE}",
    "a surrogate": "\ud800",
    "a delete": "\x7f",
    "a control of C1": "\x85",
    "a line separator": "\u2028",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_wrong_key_of_the_header_is_400_and_named(app, key):
    reply = start(app, key=key)
    assert (reply.status, reply.body["retry"]) == (400, False)
    assert "Idempotency-Key" in reply.body["error"]
    assert len(reply.body["error"]) < 300


@pytest.mark.parametrize("encoding", ["gzip", "deflate, gzip", "x" * 5000, LONE])
def test_a_packed_body_is_415_and_says_to_send_it_unpacked(app, encoding):
    reply = start(app, b"\x1f\x8b", encoding=encoding)
    assert (reply.status, reply.body["retry"]) == (415, False)
    assert "Content-Encoding" in reply.body["error"]
    assert len(reply.body["error"]) < 300


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_body_that_is_not_packed_is_read(app, encoding):
    app.upload("other/a.txt", b"one\n")
    body = b'{"pipeline": "job", "input": {"container": "input", "name": "other/a.txt"}}'
    assert start(app, body, encoding=encoding).status == 202


def test_a_wrong_request_starts_nothing(app):
    before = http.list_runs(app.engine, None, "200").body
    for body, _ in BODIES.values():
        start(app, body, "one key")
    for key in KEYS.values():
        start(app, key=key)
    assert http.list_runs(app.engine, None, "200").body == before


LIMITS = (
    "0",
    "201",
    "-1",
    "1.5",
    "1e2",
    "٣",
    " 5",
    "0000000209999",
    "000000001" + "0" * 5000,
    "9" * 9000,
)


@pytest.mark.parametrize("limit", [*LIMITS, "\0", LONE, "nan", "5,6"])
def test_a_wrong_limit_is_400_and_named(app, limit):
    reply = http.answering(lambda: http.list_runs(app.engine, None, limit))
    assert (reply.status, reply.body["retry"]) == (400, False), reply.body
    assert "limit" in reply.body["error"]


NAMES = (
    "",
    "..",
    "a/b",
    "a\0b",
    "job-" + "0" * 20,
    "'",
    "a" * 100_000,
    LONE,
    "\ud800",
    "jöb",
    "%2e%2e",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("route", [http.show_run, http.cancel_run, http.redrive_run])
def test_a_run_that_cannot_be_is_404(app, route, name):
    reply = http.answering(lambda: route(app.engine, name))
    assert (reply.status, reply.body["retry"]) == (404, False)
    json.dumps(reply.body).encode()
    assert len(reply.body["error"]) < 1000


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_pipeline_that_cannot_be_is_404(app, name):
    reply = http.answering(lambda: http.list_runs(app.engine, name, None))
    assert reply.status == 404
    assert len(reply.body["error"]) < 1000


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary().map(repr)
)
VALUES = st.recursive(SCALARS, lambda one: st.lists(one) | st.dictionaries(st.text(), one))
FIELDS = ("pipeline", "input", "parameters", "idempotency_key", "more")
REQUESTS = st.dictionaries(st.sampled_from(FIELDS), VALUES).map(
    lambda found: {"pipeline": "job", **found}
)


@given(content=REQUESTS, key=st.none() | st.text(max_size=300))
def test_no_request_is_the_apps_fault(app, content, key):
    reply = start(app, json.dumps(content).encode(), key)
    assert reply.status in (200, 202, 400, 404, 409, 413), reply.body
    json.dumps(reply.body, allow_nan=False)


@given(body=st.binary())
def test_no_bytes_are_the_apps_fault(app, body):
    assert start(app, body).status == 400
