"""Ends of jobs and tasks whose processes die slowly, also across a kill of the emulator."""

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.emulators.batch.raw import begin
from tests.emulators.batch.running import Emulator
from tests.patience import until

_numbers = itertools.count(1)


@pytest.fixture
def job(emulator: Emulator) -> str:
    """Create a job with one slot, where one task runs and another waits."""
    name = f"cut{next(_numbers)}"
    emulator.add_pool(name, nodes=1, slots=1)
    emulator.add_job(name, name)
    for task in ("first", "second"):
        emulator.add_task(name, task, "sleep 100")
    until(lambda: emulator.client.get_task(name, "first").state == "running")
    return name


@contextmanager
def agent_held(emulator: Emulator) -> Iterator[None]:
    """Keep the agent from killing anything during a with block."""
    pid = emulator.process.pid
    (agent,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(agent), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(int(agent), signal.SIGCONT)


def states(emulator: Emulator, job: str) -> tuple[str, str, str]:
    first, second = (emulator.client.get_task(job, name) for name in ("first", "second"))
    return emulator.client.get_job(job).state, first.state, second.state


def ending(emulator: Emulator, job: str) -> tuple[str | None, int]:
    info = emulator.client.get_task(job, "first").execution_info
    assert info is not None and info.failure_info is not None
    return info.failure_info.code, info.requeue_count


def test_a_terminated_job_is_completed_only_after_its_running_tasks(
    emulator: Emulator, job: str
) -> None:
    with agent_held(emulator):
        begin(emulator, "POST", f"/jobs/{job}/terminate")
        assert states(emulator, job) == ("terminating", "running", "active")
    until(lambda: emulator.client.get_job(job).state == "completed")
    assert states(emulator, job) == ("completed", "completed", "active")
    assert ending(emulator, job) == ("TaskEnded", 0)


@pytest.mark.parametrize(
    ("path", "body", "settled"),
    [
        ("/terminate", None, "completed"),
        ("/disable", {"disableTasks": "terminate"}, "disabled"),
        ("/tasks/first/terminate", None, "active"),
    ],
)
def test_what_was_ended_stays_ended_when_the_emulator_is_killed_meanwhile(
    emulator: Emulator, job: str, path: str, body: dict[str, str] | None, settled: str
) -> None:
    with agent_held(emulator):
        begin(emulator, "POST", f"/jobs/{job}{path}", body)
        emulator.stop(signal.SIGKILL)
    emulator.start()
    until(lambda: emulator.client.get_job(job).state == settled)
    assert states(emulator, job)[1] == "completed"
    assert ending(emulator, job) == ("TaskEnded", 0)


def test_a_disabled_job_that_requeues_waits_until_its_task_is_gone(
    emulator: Emulator, job: str
) -> None:
    with agent_held(emulator):
        begin(emulator, "POST", f"/jobs/{job}/disable", {"disableTasks": "requeue"})
        assert states(emulator, job) == ("disabling", "running", "active")
    until(lambda: emulator.client.get_job(job).state == "disabled")
    assert states(emulator, job) == ("disabled", "active", "active")


def test_a_deleted_job_is_there_until_its_processes_are_gone(emulator: Emulator, job: str) -> None:
    with agent_held(emulator):
        begin(emulator, "DELETE", f"/jobs/{job}")
        assert emulator.client.get_job(job).state == "deleting"
    until(lambda: job not in {one.id for one in emulator.client.list_jobs()})
    assert all(node.running_tasks_count == 0 for node in emulator.client.list_nodes(job))


def test_the_slot_of_a_deleted_task_goes_to_the_next_one(emulator: Emulator, job: str) -> None:
    emulator.client.delete_task(job, "first")
    until(lambda: emulator.client.get_task(job, "second").state == "running")
