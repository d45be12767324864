"""What people do to inputs and runs while the stack is at work."""

import json
import urllib.error
import urllib.request

import pytest

from pipeline.domain.lifecycle import State
from pipeline.errors import Conflict
from pipeline.handlers import steer
from pipeline.ledger import runs
from tests.e2e.local import Stack, until


def test_a_blob_overwritten_while_its_run_goes_keeps_both_versions_apart(stack: Stack):
    first = stack.upload("strict/twice.txt", b"sleep 1\nok first\n", "strict-acts")
    until(lambda: state_of(stack, first) in {"submitting", "running"}, 60, "the first run to go")
    second = stack.upload("strict/twice.txt", b"ok second\n", "strict-acts")
    one, _ = stack.finished(first)
    two, _ = stack.finished(second)
    assert stack.output(one) == {"done.txt": b"sleep 1\nok first\n"}
    assert stack.output(two) == {"done.txt": b"ok second\n"}


def test_a_cancelled_run_ends_soon_and_is_announced(stack: Stack):
    run_id = stack.upload("strict/long.txt", b"sleep 25\n" * 4, "strict-acts")
    until(lambda: state_of(stack, run_id) == "running", 60, "the run to run")
    until(lambda: cancelled(stack, run_id), 30, "the cancellation")
    run, event = stack.finished(run_id, 30)
    assert run.state is State.CANCELLED
    assert event["type"] == "fanfare.run.cancelled"


def test_a_redrive_runs_only_what_failed(stack: Stack):
    run_id = stack.upload("strict/again.txt", b"ok a\nfail b\n", "strict-acts")
    failed, _ = stack.finished(run_id)
    assert failed.state is State.FAILED
    steer.redrive(stack.engine, run_id)
    until(lambda: generation_of(stack, run_id) == 2, 30, "the second generation")
    again, event = stack.finished(run_id)
    assert event["data"]["generation"] == 2
    assert again.plan.tasks == 1


def test_http_needs_a_key_and_starts_one_run_a_key(stack: Stack):
    endpoint = stack.local.description()["endpoints"]["functions"]["endpoint"]
    body = {"pipeline": "acts", "idempotency_key": "k1"}
    assert call(f"{endpoint}/api/runs", body, key=None)[0] == 401
    status, answer = call(f"{endpoint}/api/runs", {"pipeline": "akts"}, master_key(stack))
    assert (status, answer["retry"]) == (404, False)
    status, answer = call(f"{endpoint}/api/runs", {**body, "pipeline": "acts"}, master_key(stack))
    assert status == 202
    again = call(f"{endpoint}/api/runs", {**body, "pipeline": "acts"}, master_key(stack))
    assert (again[0], again[1]["id"]) == (200, answer["id"])


def state_of(stack: Stack, run_id: str) -> str:
    held = runs.load(stack.engine.ports.tables, run_id)
    return str(held.run.state) if held else ""


def generation_of(stack: Stack, run_id: str) -> int:
    return runs.need(stack.engine.ports.tables, run_id).run.generation


def cancelled(stack: Stack, run_id: str) -> bool:
    try:
        steer.cancel(stack.engine, run_id)
    except Conflict:
        return state_of(stack, run_id) == "cancelled"
    return True


def master_key(stack: Stack) -> str:
    path = stack.local.data / "functions/keys.json"
    return json.loads(path.read_text("utf-8"))["master"]


def call(url: str, body: dict, key: str | None) -> tuple[int, dict]:
    headers = {"Content-Type": "application/json"} | ({"x-functions-key": key} if key else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else {}


pytestmark = pytest.mark.timeout(200)
