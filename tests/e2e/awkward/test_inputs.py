"""What people do with inputs and runs while the stack is working."""

import pytest

from pipeline.domain.runs.lifecycle import State
from pipeline.errors import Conflict
from pipeline.handlers.ending import steer
from pipeline.ledger import runs
from tests.e2e.local import Stack
from tests.patience import until


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
    until(lambda: cancelled(stack, run_id), 90, "the cancellation")
    run, event = stack.finished(run_id)
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


pytestmark = pytest.mark.timeout(200)
