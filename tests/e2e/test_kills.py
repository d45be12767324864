"""Real kills of real processes: whatever dies, every run ends once, whole, and is announced."""

import pytest

from pipeline.domain.lifecycle import State
from pipeline.domain.naming import job_id
from pipeline.ledger import runs
from tests.e2e.local import Stack, until

# Where the host is killed: in claim and plan, in submit, in drain, in assembly, in announce.
MOMENTS = [
    State.CLAIMED,
    State.PLANNING,
    State.SUBMITTING,
    State.RUNNING,
    State.ASSEMBLING,
    State.SUCCEEDED,
]
AT_LEAST = {state: MOMENTS[number:] for number, state in enumerate(MOMENTS)}
TEN = [MOMENTS[number] for number in (0, 1, 2, 2, 3, 3, 4, 4, 5, 5)]


def reached(stack: Stack, run_id: str, moment: State):
    def look():
        held = runs.load(stack.engine.ports.tables, run_id)
        return held is not None and held.run.state in AT_LEAST[moment]

    return look


def check(stack: Stack, run_id: str, lines: bytes) -> None:
    run, event = stack.finished(run_id, 150)
    assert run.state is State.SUCCEEDED, stack.tell(run_id)
    assert stack.output(run) == {"done.txt": lines}
    assert event["data"]["items"] == {"succeeded": 4, "failed": 0}
    entry = runs.outbox(stack.engine.ports.tables, run.id, str(event["id"]))
    until(lambda: entry is None or _announced(stack, run), 60, "the outbox to be empty")


def _announced(stack: Stack, run) -> bool:
    return not list(runs.unannounced(stack.engine.ports.tables, run.pipeline))


@pytest.mark.timeout(400)
def test_ten_kills_of_the_functions_host_lose_and_double_nothing(stack: Stack):
    started = {}
    for number, moment in enumerate(TEN):
        lines = b"".join(b"ok %d-%d\n" % (number, item) for item in range(4))
        run_id = stack.upload(f"strict/kill-{number}.txt", lines, "strict-acts")
        started[run_id] = lines
        until(reached(stack, run_id, moment), 90, f"{run_id} to be {moment}")
        stack.kill("functions")
    for run_id, lines in started.items():
        check(stack, run_id, lines)


@pytest.mark.timeout(300)
def test_three_kills_of_batch_lose_and_double_nothing(stack: Stack):
    for number in range(3):
        lines = b"".join(b"sleep 1.%d%d\n" % (number, item) for item in range(4))
        run_id = stack.upload(f"strict/batch-{number}.txt", lines, "strict-acts")
        job = job_id(run_id, 1)
        until(
            lambda job=job: stack.engine.ports.cluster.job(job).running,
            90,
            f"{job} to run",
            lambda run_id=run_id: stack.tell(run_id),
        )
        stack.kill("batch")
        check(stack, run_id, lines)
