"""Real kills of real processes: whatever dies, every run ends once, completely, with its event."""

from pathlib import Path

import pytest

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import Generation
from pipeline.ledger import index, outbox, runs
from tests.depth import more
from tests.e2e.local import Stack
from tests.patience import until

ORDER = [
    State.CLAIMED,
    State.PLANNING,
    State.SUBMITTING,
    State.RUNNING,
    State.ASSEMBLING,
    State.COMMITTING,
    State.SUCCEEDED,
]
# Kills while the planner hangs in a call of Batch; then in submit, drain, assembly, announce.
HANGING = more(0, 2)
_ONCE = [State.SUBMITTING, State.RUNNING, State.ASSEMBLING]
MOMENTS = more([State.CLAIMED, *_ONCE], [State.CLAIMED, *_ONCE, *_ONCE, State.SUCCEEDED])


def state_of(stack: Stack, run_id: str) -> State | None:
    held = runs.load(stack.engine.ports.tables, run_id)
    return held.run.state if held else None


def wait_for(stack: Stack, run_id: str, moment: State) -> State:
    """Wait until a run has reached this point, and return the point that it reached."""

    def look() -> State | None:
        state = state_of(stack, run_id)
        return state if state and ORDER.index(state) >= ORDER.index(moment) else None

    what = f"{run_id} to be {moment}"
    return until(look, 90, what, lambda: stack.tell(run_id), closely=True)


def check(stack: Stack, run_id: str, lines: bytes) -> None:
    run, event = stack.succeeded(run_id, 200)
    assert stack.output(run) == {"done.txt": lines}
    assert event["data"]["items"] == {"succeeded": 4, "failed": 0, "without_output": 0}
    until(lambda: not waiting_events(stack, run.pipeline), 60, "the outbox to be empty")


def waiting_events(stack: Stack, pipeline: str) -> list:
    return list(outbox.unannounced(stack.engine.ports.tables, pipeline))


def plan_of(stack: Stack, run_id: str) -> list:
    return list(stack.engine.ports.blobs.list("engine", Generation(run_id, 1).plan("")))


def runs_of(stack: Stack, name: str) -> list[str]:
    tables = stack.engine.ports.tables
    found = [runs.need(tables, run).run for run in index.recent(tables, "strict-acts")]
    return [run.id for run in found if run.input and run.input.name == name]


@pytest.mark.timeout(600)
def test_kills_of_the_functions_host_lose_and_double_nothing(stack: Stack):
    started, killed_in = {}, []
    for number in range(HANGING + len(MOMENTS)):
        lines = b"".join(b"ok %d-%d\n" % (number, item) for item in range(4))
        if number < HANGING:
            with stack.frozen("batch"):
                run_id = stack.upload(f"strict/kill-{number}.txt", lines, "strict-acts")
                killed_in.append(wait_for(stack, run_id, State.PLANNING))
                # It reads the input and writes the plan; then it asks Batch.
                until(lambda run_id=run_id: plan_of(stack, run_id), 60, f"the plan of {run_id}")
                stack.kill("functions")
        else:
            run_id = stack.upload(f"strict/kill-{number}.txt", lines, "strict-acts")
            killed_in.append(wait_for(stack, run_id, MOMENTS[number - HANGING]))
            stack.kill("functions")
        started[run_id] = lines
    for number, (run_id, lines) in enumerate(started.items()):
        check(stack, run_id, lines)
        assert runs_of(stack, f"strict/kill-{number}.txt") == [run_id]
    assert killed_in[:HANGING] == [State.PLANNING] * HANGING
    assert len(set(killed_in)) >= 3, killed_in


@pytest.mark.timeout(400)
def test_three_kills_of_batch_lose_and_double_nothing(stack: Stack, tmp_path: Path):
    for number in range(3):
        gate = tmp_path / f"gate-{number}"
        lines = b"".join(b"wait %s %d\n" % (bytes(gate), item) for item in range(4))
        run_id = stack.upload(f"strict/batch-{number}.txt", lines, "strict-acts")
        job = Generation(run_id, 1).job()
        until(
            lambda job=job: stack.engine.ports.cluster.job(job).running,
            90,
            f"{job} to run",
            lambda run_id=run_id: stack.tell(run_id),
        )
        stack.kill("batch")
        gate.touch()
        check(stack, run_id, lines)
