"""Job preparation and release where the job ends while they run."""

from pathlib import Path

import pytest
from azure.batch import models

from tests.emulators.batch.raw import begin
from tests.emulators.batch.running import Emulator, alive, shell
from tests.patience import until


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
    begin(emulator, "POST", f"/jobs/{job}/terminate")
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
    begin(emulator, "POST", f"/jobs/{job}/terminate")
    until(trace.exists)
    begin(emulator, "DELETE", f"/jobs/{job}")
    assert emulator.client.get_job(job).state == "deleting"
    gate.touch()
    until(lambda: job not in {one.id for one in emulator.client.list_jobs()})
    assert trace.read_text() == "run\n"


@pytest.mark.parametrize(("rerun", "runs"), [(True, 2), (False, 1)])
def test_a_preparation_runs_again_after_a_reboot_unless_the_job_says_no(
    emulator: Emulator, tmp_path: Path, rerun: bool, runs: int
) -> None:
    name, trace = f"reboot{rerun}", tmp_path / "runs"
    emulator.add_pool(name)
    preparation = models.BatchJobPreparationTask(
        command_line=shell(f"echo run >> {trace}"), rerun_on_node_reboot_after_success=rerun
    )
    job = emulator.add_job(name, name, job_preparation_task=preparation)
    emulator.run(job, "before", "true")
    (node,) = emulator.client.list_nodes(name)
    emulator.client.begin_reboot_node(
        name, node.id, {"nodeRebootOption": "requeue"}, polling_interval=0.05
    ).result()
    until(lambda: emulator.client.get_node(name, node.id).state == "idle")
    emulator.run(job, "after", "true")
    assert trace.read_text().splitlines() == ["run"] * runs


def test_a_preparation_always_runs_again_on_a_node_with_a_new_image(
    emulator: Emulator, tmp_path: Path
) -> None:
    trace = tmp_path / "runs"
    emulator.add_pool("reimaged")
    preparation = models.BatchJobPreparationTask(
        command_line=shell(f"echo run >> {trace}"), rerun_on_node_reboot_after_success=False
    )
    job = emulator.add_job("reimaged", "reimaged", job_preparation_task=preparation)
    emulator.run(job, "before", "true")
    (node,) = emulator.client.list_nodes("reimaged")
    emulator.client.begin_reimage_node(
        "reimaged", node.id, {"nodeReimageOption": "requeue"}, polling_interval=0.05
    ).result()
    until(lambda: emulator.client.get_node("reimaged", node.id).state == "idle")
    emulator.run(job, "after", "true")
    assert trace.read_text().splitlines() == ["run"] * 2
