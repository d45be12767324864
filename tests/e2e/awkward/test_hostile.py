"""Hostile requests to the whole stack: the real host and app, over the real emulators."""

import json

import pytest

from tests.e2e.http_client import host_key
from tests.e2e.local import Stack
from tests.emulators.attacks import FOREIGN, Answer, ask

pytestmark = pytest.mark.timeout(200)
RUNS = "/api/runs"
START = {"pipeline": "acts"}
DEEP = b"[" * 60_000


def endpoint(stack: Stack, service: str) -> str:
    return stack.local.description()["endpoints"][service]["endpoint"]


def opened(stack: Stack, method: str, path: str, body: object = None, **headers: str) -> Answer:
    own = {"x-functions-key": host_key(stack), **headers}
    return ask(endpoint(stack, "functions"), method, path, body, **own)


@pytest.mark.parametrize("attack", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("service", ["functions", "batch", "eventgrid"])
def test_no_service_of_the_stack_answers_another_site(stack: Stack, service, attack):
    headers, status, header = attack
    for method, path in (("GET", "/health"), ("POST", RUNS), ("OPTIONS", "/")):
        assert ask(endpoint(stack, service), method, path, **headers).refuses(status, header)


def named(name: str, container: str = "input") -> dict:
    return {**START, "input": {"container": container, "name": name}}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (DEEP, 400),
        (b'{"pipeline": "acts", "parameters": {"x": ' + DEEP, 400),
        (b'{"pipeline": "\xff"}', 400),
        (b'{"pipeline": "\\ud800"}', 400),
        (b'{"pipeline": "acts", "parameters": {"x": 1e999}}', 400),
        (b'{"pipeline": "acts", "parameters": {"x": ' + b"9" * 5_000 + b"}}", 400),
        (named("a\0b"), 400),
        (named("../output/a"), 400),
        (named("a\r\nX: y"), 404),
        (named("\ufffe"), 404),
        (named("名" * 1024), 404),
        (named("a", "$root"), 400),
        (named("a", "azure-webjobs-secrets"), 400),
        ({**START, "idempotency_key": "a\nb"}, 400),
        ({**START, "idempotency_key": ""}, 400),
        (b" " * (10 << 20), 413),
    ],
)
def test_a_hostile_body_is_refused_and_starts_nothing(stack: Stack, body, status):
    before = opened(stack, "GET", f"{RUNS}?limit=200").text
    found = opened(stack, "POST", RUNS, body)
    assert found.status == status, found
    answer = json.loads(found.text)
    assert (set(answer), answer["retry"]) == ({"error", "retry"}, False)
    ids = [run["id"] for run in json.loads(before)["runs"]]
    after = json.loads(opened(stack, "GET", f"{RUNS}?limit=200").text)
    assert [run["id"] for run in after["runs"]] == ids


@pytest.mark.parametrize(
    ("header", "value", "status", "says"),
    [
        ("Idempotency-Key", "", 400, "Idempotency-Key"),
        ("Idempotency-Key", "k" * 201, 400, "Idempotency-Key"),
        ("Idempotency-Key", "a\tb", 400, "Idempotency-Key"),
        ("Idempotency-Key", "\u2028".encode().decode("latin-1"), 400, "Idempotency-Key"),
        ("Content-Encoding", "gzip", 415, "Content-Encoding"),
        ("traceparent", "00-" + "f" * 32 + "-nothing-zz", 404, "no pipeline"),
        ("Authorization", "Bearer a.b.c", 404, "no pipeline"),
        ("Content-Type", "text/plain; charset=utf-99", 404, "no pipeline"),
        ("Date", "99 Foo 99999", 404, "no pipeline"),
        ("Idempotency-Key", "\xff", 400, ""),
        ("x-functions-key", "\xff", 400, ""),
        ("Authorization", "Bearer \xff", 400, ""),
    ],
)
def test_a_hostile_header_is_no_failure_of_the_app(stack: Stack, header, value, status, says):
    found = opened(stack, "POST", RUNS, {"pipeline": "nothing"}, **{header: value})
    assert found.status == status, found
    assert says in json.loads(found.text)["error"] if says else found.text == ""


@pytest.mark.parametrize("path", [RUNS, f"{RUNS}/x", "/admin/functions"])
def test_without_a_key_the_answer_has_no_body(stack: Stack, path):
    for key in ("", "guess"):
        found = ask(endpoint(stack, "functions"), "GET", path, **{"x-functions-key": key})
        assert (found.status, found.text) == (401, "")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{RUNS}?limit=%00", 400),
        (f"{RUNS}?limit=%ed%a0%80", 400),
        (f"{RUNS}?limit={'9' * 5_000}", 400),
        (f"{RUNS}?limit=5&limit=6", 400),
        (f"{RUNS}?pipeline=%ff", 404),
        (f"{RUNS}?pipeline=%00%0d%0a", 404),
        (f"{RUNS}?pipeline={'a' * 5_000}", 404),
        (f"{RUNS}/{'a' * 5_000}", 404),
        (f"{RUNS}/%ff", 404),
        (f"{RUNS}/acts-%0d%0aX:%20y", 404),
        (f"{RUNS}/acts-%00", 400),
        ("/api/run", 404),
        (f"{RUNS}/%5c%23%3f%25", 404),
    ],
)
def test_a_hostile_path_or_query_is_no_failure_of_the_app(stack: Stack, path, status):
    found = opened(stack, "GET", path)
    assert (found.status, len(found.text) < 1_000) == (status, True), found
