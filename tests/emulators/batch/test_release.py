"""Job preparation and release where the job ends while they run."""

from pathlib import Path

from azure.batch import models

from tests.emulators.batch.running import Emulator, alive, shell, until
from tests.emulators.batch.test_ending import send


def test_a_preparation_that_runs_when_its_job_is_terminated_is_killed(
    emulator: Emulator, tmp_path: Path
) -> None:
    trace = tmp_path / "pid"
    emulator.add_pool("cutprep")
    preparation = models.BatchJobPreparationTask(
        command_line=shell(f"echo $$ > {trace}.new; mv {trace}.new {trace}; sleep 100; true")
    )
    job = emulator.add_job("cutprep", "cutprep", job_preparation_task=preparation)
    emulator.add_task(job, "waits", "true")
    until(trace.exists)
    send(emulator, "POST", f"/jobs/{job}/terminate")
    until(lambda: emulator.client.get_job(job).state == "completed")
    assert not alive(int(trace.read_text()))
    (status,) = emulator.client.list_job_preparation_and_release_task_status(job)
    info = status.job_preparation_task_execution_info
    assert (info.state, info.result, info.failure_info.code) == (
        "completed",
        "failure",
        "TaskEnded",
    )


def test_a_job_deleted_during_its_release_is_released_once(
    emulator: Emulator, tmp_path: Path
) -> None:
    trace, gate = tmp_path / "runs", tmp_path / "gate"
    emulator.add_pool("once")
    job = emulator.add_job(
        "once",
        "once",
        job_preparation_task=models.BatchJobPreparationTask(command_line="true"),
        job_release_task=models.BatchJobReleaseTask(
            command_line=shell(f"echo run >> {trace}; until [ -e {gate} ]; do sleep 0.05; done")
        ),
    )
    emulator.run(job, "task", "true")
    send(emulator, "POST", f"/jobs/{job}/terminate")
    until(trace.exists)
    send(emulator, "DELETE", f"/jobs/{job}")
    assert emulator.client.get_job(job).state == "deleting"
    gate.touch()
    until(lambda: job not in {one.id for one in emulator.client.list_jobs()})
    assert trace.read_text() == "run\n"
