"""What the documentation says of jobs, one sentence a test."""

from pathlib import Path

from azure.batch import models

from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until

_COMPLETE = models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob")


def test_a_job_waits_for_a_pool_that_does_not_exist_yet(emulator: Emulator) -> None:
    emulator.add_job("early", "late-pool")
    emulator.add_task("early", "t", "true")
    assert emulator.client.get_job("early").state == "active"
    why = emulator.admin("GET", "/_admin/why/early/t")
    assert "does not exist" in str(why)
    emulator.add_pool("late-pool")
    assert emulator.finished("early", "t").execution_info.exit_code == 0


def test_a_disabled_job_may_move_to_a_pool_that_does_not_exist_yet(emulator: Emulator) -> None:
    emulator.add_job("moving", "nowhere")
    emulator.add_task("moving", "t", "true")
    emulator.client.begin_disable_job(
        "moving", models.BatchJobDisableOptions(disable_tasks="requeue"), polling_interval=0.02
    ).wait()
    goal = models.BatchPoolInfo(pool_id="goal")
    emulator.client.update_job("moving", models.BatchJobUpdateOptions(pool_info=goal))
    assert emulator.client.get_job("moving").execution_info.pool_id == "goal"
    emulator.client.begin_enable_job("moving", polling_interval=0.02).wait()
    emulator.add_pool("goal")
    assert emulator.finished("moving", "t").node_info.pool_id == "goal"


def test_a_job_that_has_moved_is_released_and_deleted_where_it_was_too(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.add_pool("old")
    emulator.add_job(
        "moved",
        "old",
        job_preparation_task=models.BatchJobPreparationTask(command_line="true"),
        job_release_task=models.BatchJobReleaseTask(
            command_line=shell(f"echo $AZ_BATCH_POOL_ID >> {tmp_path}/released")
        ),
    )
    emulator.run("moved", "before", "true")
    emulator.client.begin_disable_job(
        "moved", models.BatchJobDisableOptions(disable_tasks="requeue"), polling_interval=0.02
    ).wait()
    emulator.add_pool("new")
    goal = models.BatchPoolInfo(pool_id="new")
    emulator.client.update_job("moved", models.BatchJobUpdateOptions(pool_info=goal))
    emulator.client.begin_enable_job("moved", polling_interval=0.02).wait()
    emulator.run("moved", "after", "true")
    emulator.client.begin_delete_job("moved", polling_interval=0.02).wait()
    assert sorted((tmp_path / "released").read_text().split()) == ["new", "old"]
    assert not list(emulator.data.glob("nodes/*/workitems/moved/job-1"))


def test_an_exclusive_manager_takes_all_slots_of_a_pool_that_comes_after_it(
    emulator: Emulator,
) -> None:
    manager = models.BatchJobManagerTask(id="manager", command_line="true")
    emulator.add_job("managed-early", "managed-late", job_manager_task=manager)
    emulator.add_pool("managed-late", slots=3)
    until(lambda: emulator.client.get_job("managed-early").state == "completed" or None)
    counts = emulator.client.get_job_task_counts("managed-early")
    assert counts.task_slot_counts.succeeded == 3


def test_automatic_termination_is_not_turned_off_by_a_put_without_it(emulator: Emulator) -> None:
    emulator.add_job("engaged", "nowhere")
    emulator.add_task("engaged", "t", "true")
    emulator.client.update_job("engaged", _COMPLETE)
    body = {"poolInfo": {"poolId": "nowhere"}, "priority": 3}
    status, code, values = refusal(send(emulator, "PUT", "/jobs/engaged", body))
    assert (status, code, values["PropertyName"]) == (
        400,
        "InvalidPropertyValue",
        "onAllTasksComplete",
    )
    assert emulator.client.get_job("engaged").priority == 0
    body["onAllTasksComplete"] = "terminatejob"
    assert send(emulator, "PUT", "/jobs/engaged", body).status_code == 200


def test_an_auto_pool_is_kept_only_by_a_change_of_its_disabled_job(emulator: Emulator) -> None:
    machine = {
        "imageReference": {"publisher": "debian", "offer": "debian-12", "sku": "12"},
        "nodeAgentSKUId": "batch.node.debian 12",
    }
    pool = {
        "vmSize": "standard_d2s_v5",
        "virtualMachineConfiguration": machine,
        "targetDedicatedNodes": 0,
    }
    auto = {"poolLifetimeOption": "job", "pool": pool}
    body = {"id": "kept", "poolInfo": {"autoPoolSpecification": auto}}
    assert send(emulator, "POST", "/jobs", body).status_code == 201
    keep = {"poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "job", "keepAlive": True}}}
    refused = refusal(send(emulator, "PATCH", "/jobs/kept", keep))
    assert refused[:2] == (409, "OperationInvalidForCurrentState")
    disable = models.BatchJobDisableOptions(disable_tasks="requeue")
    emulator.client.begin_disable_job("kept", disable, polling_interval=0.02).wait()
    assert send(emulator, "PATCH", "/jobs/kept", keep).status_code == 200
    shown = emulator.client.get_job("kept").pool_info.auto_pool_specification
    assert (shown.keep_alive, shown.pool.vm_size) == (True, "standard_d2s_v5")


def test_a_jobs_fixed_pool_does_not_become_an_auto_pool(emulator: Emulator) -> None:
    emulator.add_job("fixed", "nowhere")
    auto = {"poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "job"}}}
    refused = refusal(send(emulator, "PATCH", "/jobs/fixed", auto))
    assert refused[:2] == (400, "InvalidPropertyValue")
