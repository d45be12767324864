"""Ending jobs and tasks whose processes take a while to go, also across a kill of the emulator."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.core.rest import HttpRequest

from tests.emulators.batch.running import Emulator, until


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    """An emulator with one slot, where one task runs and another waits."""
    running = Emulator(tmp_path / "data")
    running.add_pool("narrow", nodes=1, slots=1)
    running.add_job("cut", "narrow")
    for name in ("first", "second"):
        running.add_task("cut", name, "sleep 100")
    until(lambda: running.client.get_task("cut", "first").state == "running")
    yield running
    running.stop()


@contextmanager
def agent_held(emulator: Emulator) -> Iterator[None]:
    """Keep the agent from killing anything for the length of a with block."""
    pid = emulator.process.pid
    (agent,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(agent), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(int(agent), signal.SIGCONT)


def send(emulator: Emulator, method: str, path: str, body: dict[str, str] | None = None) -> None:
    """Ask for something without waiting until it has happened."""
    headers = {"Content-Type": "application/json; odata=minimalmetadata"}
    url = f"{path}?api-version={emulator.client._config.api_version}"
    request = HttpRequest(method, url, headers=headers, json=body or {})
    emulator.client.send_request(request).raise_for_status()


def states(emulator: Emulator) -> tuple[str, str, str]:
    first, second = (emulator.client.get_task("cut", name) for name in ("first", "second"))
    return emulator.client.get_job("cut").state, first.state, second.state


def ending(emulator: Emulator) -> tuple[str | None, int]:
    info = emulator.client.get_task("cut", "first").execution_info
    assert info is not None and info.failure_info is not None
    return info.failure_info.code, info.requeue_count


def test_a_terminated_job_is_completed_only_after_its_running_tasks(emulator: Emulator) -> None:
    with agent_held(emulator):
        send(emulator, "POST", "/jobs/cut/terminate")
        assert states(emulator) == ("terminating", "running", "active")
    until(lambda: emulator.client.get_job("cut").state == "completed")
    assert states(emulator) == ("completed", "completed", "active")
    assert ending(emulator) == ("TaskEnded", 0)


@pytest.mark.parametrize(
    ("path", "body", "settled"),
    [
        ("/jobs/cut/terminate", None, "completed"),
        ("/jobs/cut/disable", {"disableTasks": "terminate"}, "disabled"),
        ("/jobs/cut/tasks/first/terminate", None, "active"),
    ],
)
def test_what_was_ended_stays_ended_when_the_emulator_is_killed_meanwhile(
    emulator: Emulator, path: str, body: dict[str, str] | None, settled: str
) -> None:
    with agent_held(emulator):
        send(emulator, "POST", path, body)
        emulator.stop(signal.SIGKILL)
    emulator.start()
    until(lambda: emulator.client.get_job("cut").state == settled)
    assert states(emulator)[1] == "completed"
    assert ending(emulator) == ("TaskEnded", 0)


def test_a_disabled_job_that_requeues_waits_until_its_task_is_gone(emulator: Emulator) -> None:
    with agent_held(emulator):
        send(emulator, "POST", "/jobs/cut/disable", {"disableTasks": "requeue"})
        assert states(emulator) == ("disabling", "running", "active")
    until(lambda: emulator.client.get_job("cut").state == "disabled")
    assert states(emulator) == ("disabled", "active", "active")


def test_a_deleted_job_is_there_until_its_processes_are_gone(emulator: Emulator) -> None:
    with agent_held(emulator):
        send(emulator, "DELETE", "/jobs/cut")
        assert emulator.client.get_job("cut").state == "deleting"
    until(lambda: not list(emulator.client.list_jobs()))
    assert '"running": []' in json.dumps(emulator.admin("GET", "/_admin/state"))


def test_the_slot_of_a_deleted_task_goes_to_the_next_one(emulator: Emulator) -> None:
    emulator.client.delete_task("cut", "first")
    until(lambda: emulator.client.get_task("cut", "second").state == "running")
