"""Auto pools: created with a job or a schedule, deleted with it."""

from datetime import timedelta

import pytest
from azure.batch import models

from tests.emulators.batch.running import Emulator, shell
from tests.patience import until

HOUR = timedelta(hours=1)


def pool_info(lifetime: str = "job", **more: object) -> models.BatchPoolInfo:
    pool = {"target_dedicated_nodes": 1, **more.pop("pool", {})}
    return models.BatchPoolInfo(
        auto_pool_specification=models.BatchAutoPoolSpecification(
            pool_lifetime_option=lifetime,
            pool=models.BatchPoolSpecification(
                vm_size="standard_d2s_v5",
                virtual_machine_configuration=models.VirtualMachineConfiguration(
                    image_reference=models.BatchVmImageReference(
                        publisher="debian", offer="debian-12", sku="12"
                    ),
                    node_agent_sku_id="batch.node.debian 12",
                ),
                **pool,
            ),
            **more,
        )
    )


def add_job(emulator: Emulator, job_id: str, info: models.BatchPoolInfo) -> str:
    emulator.client.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=info))
    return str(emulator.client.get_job(job_id).execution_info.pool_id)


def pool_ids(emulator: Emulator) -> set[str]:
    return {pool.id for pool in emulator.client.list_pools()}


def end_job(emulator: Emulator, job_id: str) -> None:
    emulator.client.begin_terminate_job(
        job_id, {"terminateReason": "over"}, polling_interval=0.02
    ).wait()


def test_a_job_runs_on_the_pool_that_was_made_for_it_which_goes_with_it(
    emulator: Emulator,
) -> None:
    pool_id = add_job(emulator, "auto", pool_info(auto_pool_id_prefix="mine-"))
    assert pool_id.startswith("mine-")
    task = emulator.run("auto", "t", shell("echo $AZ_BATCH_POOL_ID"))
    assert task.node_info.pool_id == pool_id
    assert emulator.file("auto", "t", "stdout.txt").strip() == pool_id
    end_job(emulator, "auto")
    until(lambda: pool_id not in pool_ids(emulator))


def test_deleting_a_job_deletes_its_pool(emulator: Emulator) -> None:
    pool_id = add_job(emulator, "auto-deleted", pool_info())
    emulator.client.begin_delete_job("auto-deleted", polling_interval=0.02).wait()
    until(lambda: pool_id not in pool_ids(emulator))


def test_a_pool_that_is_kept_alive_stays(emulator: Emulator) -> None:
    pool_id = add_job(emulator, "auto-kept", pool_info(keep_alive=True))
    end_job(emulator, "auto-kept")
    assert emulator.client.get_pool(pool_id).state == "active"


@pytest.mark.parametrize(("lifetime", "shared"), [("job", False), ("jobschedule", True)])
def test_the_jobs_of_a_schedule_share_a_pool_only_when_its_lifetime_is_the_schedules(
    emulator: Emulator, lifetime: str, shared: bool
) -> None:
    name = f"auto-{lifetime}"
    emulator.client.create_job_schedule(
        models.BatchJobScheduleCreateOptions(
            id=name,
            schedule=models.BatchJobScheduleConfiguration(recurrence_interval=HOUR),
            job_specification=models.BatchJobSpecification(pool_info=pool_info(lifetime)),
        )
    )
    end_job(emulator, f"{name}:job-1")
    emulator.admin("POST", "/_admin/clock", {"seconds": 3601})
    pools = [
        emulator.client.get_job(f"{name}:job-{number}").execution_info.pool_id for number in (1, 2)
    ]
    assert (pools[0] == pools[1]) is shared
    until(lambda: (pools[0] in pool_ids(emulator)) is shared)
    emulator.client.begin_terminate_job_schedule(name, polling_interval=0.02).wait()
    until(lambda: not pool_ids(emulator).intersection(pools))


def test_a_job_whose_pool_cannot_be_made_completes_and_says_why(emulator: Emulator) -> None:
    formula = {"enable_auto_scale": True, "auto_scale_formula": "$x = ("}
    info = pool_info(pool={"target_dedicated_nodes": None, **formula})
    emulator.client.create_job(models.BatchJobCreateOptions(id="auto-bad", pool_info=info))
    job = until(lambda: _completed(emulator, "auto-bad"))
    error = job.execution_info.scheduling_error
    assert (error.category, error.code) == ("usererror", "InvalidAutoScaleFormulaInAutoPool")


def test_an_auto_pool_may_scale_itself(emulator: Emulator) -> None:
    formula = "$TargetDedicatedNodes = 1;"
    info = pool_info(
        pool={
            "target_dedicated_nodes": None,
            "enable_auto_scale": True,
            "auto_scale_formula": formula,
        }
    )
    pool_id = add_job(emulator, "auto-scaled", info)
    assert emulator.run("auto-scaled", "t", "true").execution_info.exit_code == 0
    assert emulator.client.get_pool(pool_id).enable_auto_scale is True


def _completed(emulator: Emulator, job_id: str) -> models.BatchJob | None:
    job = emulator.client.get_job(job_id)
    return job if job.state == "completed" else None
