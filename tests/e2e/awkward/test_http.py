"""The HTTP functions in the real host, for a caller with a function key."""

import pytest

from pipeline.domain.runs.naming import BlobRef
from tests.e2e.http_client import call, send
from tests.e2e.local import Stack
from tests.patience import until

LONG = {"container": "input", "name": "http/long.txt"}


@pytest.mark.parametrize("key", [{}, {"x-functions-key": "wrong"}])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/runs"),
        ("GET", "/api/runs"),
        ("GET", "/api/runs/x"),
        ("POST", "/api/runs/x/cancel"),
        ("POST", "/api/runs/x/redrive"),
    ],
)
def test_nothing_is_answered_without_a_key(stack: Stack, method, path, key):
    body = {} if method == "POST" else None
    assert send(stack, method, path, body, key) == (401, {})


def test_a_run_is_started_once_a_key_and_followed_to_its_end(stack: Stack):
    stack.engine.ports.writer.write(BlobRef("input", "http/short.txt"), b"ok a\nok b\n")
    body = {"pipeline": "acts", "input": {**LONG, "name": "http/short.txt"}}
    status, first = call(stack, "POST", "/api/runs", body, **{"Idempotency-Key": "short"})
    assert status == 202
    assert (first["by"]["kind"], first["by"]["name"]) == ("key", "function key")
    again = call(stack, "POST", "/api/runs", {**body, "idempotency_key": "short"})
    assert (again[0], again[1]["id"]) == (200, first["id"])
    run = until(lambda: ended(stack, first["id"]), 90, "the end of the run")
    assert (run["state"], run["succeeded"], run["output"]["files"]) == ("succeeded", 2, 1)
    assert call(stack, "POST", f"/api/runs/{first['id']}/cancel")[0] == 409


def test_a_run_is_cancelled_redriven_and_listed(stack: Stack):
    stack.engine.ports.writer.write(BlobRef("input", LONG["name"]), b"sleep 25\n" * 4)
    _, run = call(stack, "POST", "/api/runs", {"pipeline": "strict-acts", "input": LONG})
    path = f"/api/runs/{run['id']}"
    early = call(stack, "POST", f"{path}/redrive")
    assert (early[0], early[1]["retry"]) == (409, False)
    until(lambda: call(stack, "GET", path)[1]["state"] == "running", 60, "the run to run")
    until(lambda: call(stack, "POST", f"{path}/cancel")[0] == 202, 30, "the cancellation")
    assert call(stack, "POST", f"{path}/redrive")[1]["generation"] == 2
    _, answer = call(stack, "GET", "/api/runs?pipeline=strict-acts&limit=200")
    assert (run["id"], 2) in {(each["id"], each["generation"]) for each in answer["runs"]}
    until(lambda: call(stack, "POST", f"{path}/cancel")[0] == 202, 30, "the second cancellation")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/runs", b"{", 400),
        ("POST", "/api/runs", b" " * 70_000, 413),
        ("POST", "/api/runs", {"pipeline": "akts"}, 404),
        ("POST", "/api/runs", {"pipeline": "acts", "input": {**LONG, "name": "none"}}, 404),
        ("POST", "/api/runs", {"pipeline": "acts", "input": {**LONG, "container": "work"}}, 400),
        ("POST", "/api/runs", {"pipeline": "media-encode"}, 400),
        ("GET", "/api/runs?limit=0", None, 400),
        ("GET", "/api/runs?pipeline=%21pipelines", None, 404),
        ("GET", "/api/runs/acts-%27%20or%20true", None, 404),
        ("POST", "/api/runs/%2e%2e%2fruns/cancel", None, 404),
    ],
)
def test_a_request_that_cannot_be_served_says_why(stack: Stack, method, path, body, status):
    answered, answer = call(stack, method, path, body)
    assert answered == status
    assert not answer or (answer["retry"], set(answer)) == (False, {"error", "retry"})
    assert "Traceback" not in str(answer)


def ended(stack: Stack, run_id: object) -> dict:
    status, run = call(stack, "GET", f"/api/runs/{run_id}")
    assert status == 200
    return run if run["ended_at"] else {}


pytestmark = pytest.mark.timeout(200)
