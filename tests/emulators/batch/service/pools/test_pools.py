"""What the documentation says of pools, one sentence a test."""

from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import Emulator, held
from tests.patience import until


def steady(emulator: Emulator, pool: str) -> models.BatchPool:
    def found() -> models.BatchPool | None:
        shown = emulator.client.get_pool(pool)
        return shown if shown.allocation_state == "steady" else None

    return until(found)


def test_most_of_a_pool_can_only_be_patched_while_it_is_empty(emulator: Emulator) -> None:
    pool = emulator.add_pool("patched", nodes=0, slots=1)
    change = models.BatchPoolUpdateOptions(
        display_name="Pool", vm_size="standard_d4s_v5", task_slots_per_node=2
    )
    emulator.client.update_pool(pool, change)
    found = emulator.client.get_pool(pool)
    assert (found.display_name, found.vm_size, found.task_slots_per_node) == (
        "Pool",
        "standard_d4s_v5",
        2,
    )
    emulator.client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    steady(emulator, pool)
    with pytest.raises(HttpResponseError) as error:
        emulator.client.update_pool(pool, models.BatchPoolUpdateOptions(display_name="Other"))
    assert (error.value.status_code, error.value.error.code) == (
        409,
        "OperationInvalidForCurrentState",
    )
    start = models.BatchPoolUpdateOptions(start_task=models.BatchStartTask(command_line="true"))
    emulator.client.update_pool(pool, start)
    assert emulator.client.get_pool(pool).start_task.command_line == "true"


def test_a_pool_shows_how_its_nodes_are_to_be_secured(emulator: Emulator) -> None:
    secured = models.VirtualMachineConfiguration(
        image_reference=models.BatchVmImageReference(
            publisher="debian", offer="debian-12", sku="12"
        ),
        node_agent_sku_id="batch.node.debian 12",
        security_profile=models.SecurityProfile(
            security_type="trustedLaunch",
            encryption_at_host=True,
            uefi_settings=models.BatchUefiSettings(secure_boot_enabled=True, vtpm_enabled=True),
        ),
        disk_encryption_configuration=models.DiskEncryptionConfiguration(
            targets=["osdisk", "temporarydisk"]
        ),
    )
    emulator.client.create_pool(
        models.BatchPoolCreateOptions(
            id="secured", vm_size="standard_d2s_v5", virtual_machine_configuration=secured
        )
    )
    shown = emulator.client.get_pool("secured").virtual_machine_configuration
    assert shown.security_profile == secured.security_profile
    assert shown.disk_encryption_configuration == secured.disk_encryption_configuration


def test_a_pool_shows_the_timeout_of_its_latest_resize(emulator: Emulator) -> None:
    pool = emulator.add_pool("timed", nodes=0)
    emulator.client.begin_resize_pool(
        pool,
        models.BatchPoolResizeOptions(
            target_dedicated_nodes=1, resize_timeout=timedelta(minutes=7)
        ),
    )
    assert steady(emulator, pool).resize_timeout == timedelta(minutes=7)
    emulator.client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=0))
    assert steady(emulator, pool).resize_timeout == timedelta(minutes=15)


def test_nodes_that_do_not_leave_in_time_stay(emulator: Emulator, tmp_path: Path) -> None:
    pool, gate = emulator.add_pool("lingering"), tmp_path / "gate"
    job = emulator.add_job("lingering", pool)
    emulator.add_task(job, "t", held(gate))
    until(lambda: emulator.client.get_task(job, "t").state == "running" or None)
    (node,) = list(emulator.client.list_nodes(pool))
    emulator.client.begin_remove_nodes(
        pool,
        models.BatchNodeRemoveOptions(
            node_ids=[node.id],
            node_deallocation_option="taskcompletion",
            resize_timeout=timedelta(minutes=5),
        ),
    )
    assert emulator.client.get_pool(pool).allocation_state == "resizing"
    emulator.admin("POST", "/_admin/clock", {"seconds": 301})
    found = steady(emulator, pool)
    assert found.resize_errors[0].code == "AllocationTimedout"
    assert found.current_dedicated_nodes == 1
    gate.touch()
    emulator.finished(job, "t")


def test_a_formula_is_shown_and_remembered_only_while_autoscale_is_enabled(
    emulator: Emulator,
) -> None:
    pool = emulator.add_pool("scaled", nodes=0)
    formula = models.BatchPoolEnableAutoScaleOptions(
        auto_scale_formula="$TargetDedicatedNodes = 0;",
        auto_scale_evaluation_interval=timedelta(minutes=9),
    )
    emulator.client.enable_pool_auto_scale(pool, formula)
    assert emulator.client.get_pool(pool).auto_scale_run is not None
    emulator.client.disable_pool_auto_scale(pool)
    found = send(emulator, "GET", f"/pools/{pool}").json()
    assert not {"autoScaleFormula", "autoScaleEvaluationInterval", "autoScaleRun"} & set(found)
    refused = refusal(send(emulator, "POST", f"/pools/{pool}/enableautoscale", {}))
    assert refused[:2] == (400, "InvalidAutoScalingSettings")
    emulator.client.enable_pool_auto_scale(
        pool,
        models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 0;"),
    )
    found = emulator.client.get_pool(pool)
    assert found.auto_scale_evaluation_interval == timedelta(minutes=15)


def test_a_node_has_at_most_four_slots_a_core(emulator: Emulator) -> None:
    emulator.add_pool("full", nodes=0, slots=8, vm_size="standard_d2s_v5")
    with pytest.raises(HttpResponseError) as error:
        emulator.add_pool("overfull", nodes=0, slots=9, vm_size="standard_d2s_v5")
    assert (error.value.status_code, error.value.error.code) == (400, "InvalidPropertyValue")
    assert "taskSlotsPerNode" in [one.value for one in error.value.model.error_values]
    emulator.add_pool("unknown", nodes=0, slots=9, vm_size="size_of_tomorrow")
