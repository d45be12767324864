"""Processes that start tasks and preparations leave running: they serve tasks, and end with node or
job."""

import signal
from pathlib import Path

from azure.batch import models

from tests.emulators.batch.raw import begin
from tests.emulators.batch.running import Emulator, alive, shell
from tests.patience import until


def serves(trace: Path, code: int = 0) -> str:
    """Return a command that leaves a process running and notes its process id."""
    return shell(f"setsid sleep 300 & echo $! >> {trace}; exit {code}")


def pids(trace: Path) -> list[int]:
    return [int(line) for line in trace.read_text().split()] if trace.exists() else []


def serving(trace: Path) -> list[int]:
    return [pid for pid in pids(trace) if alive(pid)]


def asks(trace: Path) -> str:
    """Return a command that fails unless the latest of these processes runs."""
    return shell(f"kill -0 $(tail -n 1 {trace})")


def add_release_pool(emulator: Emulator, name: str, trace: Path) -> str:
    emulator.add_pool(name)
    return emulator.add_job(
        name,
        name,
        job_preparation_task=models.BatchJobPreparationTask(command_line=serves(trace)),
        job_release_task=models.BatchJobReleaseTask(command_line=asks(trace)),
    )


def test_what_a_start_task_leaves_running_lives_until_its_node_restarts_or_goes(
    emulator: Emulator, tmp_path: Path
) -> None:
    trace = tmp_path / "pids"
    start = models.BatchStartTask(command_line=serves(trace), wait_for_success=True)
    emulator.add_pool("served", start_task=start)
    job = emulator.add_job("served", "served")
    for name in ("one", "two"):
        assert emulator.run(job, name, asks(trace)).execution_info.exit_code == 0
    (node,) = emulator.client.list_nodes("served")
    emulator.client.begin_reboot_node(
        "served", node.id, {"nodeRebootOption": "requeue"}, polling_interval=0.05
    ).result()
    assert emulator.run(job, "three", asks(trace)).execution_info.exit_code == 0
    assert len(pids(trace)) == 2
    assert serving(trace) == pids(trace)[1:]
    emulator.client.begin_delete_pool("served", polling_interval=0.05).wait()
    until(lambda: not serving(trace))


def test_what_a_failed_start_task_leaves_running_ends_before_the_next_try(
    emulator: Emulator, tmp_path: Path
) -> None:
    trace = tmp_path / "pids"
    start = models.BatchStartTask(
        command_line=serves(trace, code=3), wait_for_success=True, max_task_retry_count=1
    )
    emulator.add_pool("failing", start_task=start)
    until(
        lambda: [one.state for one in emulator.client.list_nodes("failing")] == ["starttaskfailed"]
    )
    assert len(pids(trace)) == 2
    until(lambda: not serving(trace))


def test_what_a_preparation_leaves_running_lives_until_its_job_is_released(
    emulator: Emulator, tmp_path: Path
) -> None:
    trace = tmp_path / "pids"
    job = add_release_pool(emulator, "prepared", trace)
    for name in ("one", "two"):
        assert emulator.run(job, name, asks(trace)).execution_info.exit_code == 0
    begin(emulator, "POST", f"/jobs/{job}/terminate")
    until(lambda: emulator.client.get_job(job).state == "completed")
    (status,) = emulator.client.list_job_preparation_and_release_task_status(job)
    assert status.job_release_task_execution_info.exit_code == 0
    assert len(pids(trace)) == 1
    assert not serving(trace)


def test_after_a_kill_start_task_and_preparation_serve_anew(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data")
    node_trace, job_trace = tmp_path / "node", tmp_path / "job"
    start = models.BatchStartTask(command_line=serves(node_trace), wait_for_success=True)
    emulator.add_pool("p", start_task=start)
    preparation = models.BatchJobPreparationTask(command_line=serves(job_trace))
    emulator.add_job("j", "p", job_preparation_task=preparation)
    emulator.run("j", "one", "true")
    emulator.stop(signal.SIGKILL)
    emulator.start()
    for trace in (node_trace, job_trace):
        asked = emulator.run("j", trace.name, asks(trace))
        assert asked.execution_info.exit_code == 0
        assert len(pids(trace)) == 2
        assert serving(trace) == pids(trace)[1:]
    assert emulator.stop() == 0
