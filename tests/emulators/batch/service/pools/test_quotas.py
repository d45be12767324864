"""What an account may have at once, and what a client sees of it."""

from collections.abc import Iterator

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from emulators.batch.vm_sizes import cores_of, processor_of
from tests.emulators.batch.running import Emulator

SUBNET = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/{}"
)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    flags = ("--dedicated-core-quota", "10", "--low-priority-core-quota", "5", "--pool-quota", "2")
    subnets = ("--joinable-subnet", SUBNET.format("ours"))
    running = Emulator(tmp_path_factory.mktemp("quotas"), *flags, *subnets)
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def empty(emulator: Emulator) -> None:
    emulator.admin("POST", "/_admin/reset")


@pytest.mark.parametrize(
    ("size", "cores"),
    [
        ("Standard_D4s_v3", 4),
        ("standard_d2s_v5", 2),
        ("Standard_D16_v3", 16),
        ("Standard_D3_v2", 4),
        ("STANDARD_DS14_V2", 16),
        ("Standard_D15_v2", 20),
        ("Standard_D4", 8),
        ("Standard_DS12-1_v2", 1),
        ("Standard_A1_v2", 1),
        ("Standard_E32-8s_v5", 8),
        ("Standard_F72s_v2", 72),
        ("Standard_NC24ads_A100_v4", 24),
        ("Standard_HB120rs_v3", 120),
        ("Standard_M128ms", 128),
        ("large", 1),
    ],
)
def test_the_name_of_a_size_tells_its_cores(size: str, cores: int) -> None:
    assert cores_of(size) == cores


def found(emulator: Emulator, pool: str) -> tuple[int, int, list[str]]:
    """Return a pool's dedicated and spot nodes, and the codes of its resize errors."""
    shown = emulator.client.get_pool(pool)
    errors = [error.code for error in shown.resize_errors or []]
    return shown.current_dedicated_nodes, shown.current_low_priority_nodes, errors


def test_a_pool_gets_the_nodes_whose_cores_are_left_of_each_kind(emulator: Emulator) -> None:
    emulator.add_pool("d4", nodes=1, vm_size="standard_d4s_v5", target_low_priority_nodes=1)
    assert found(emulator, "d4") == (1, 1, [])
    emulator.add_pool("d2", nodes=4, target_low_priority_nodes=1)
    both = ["AccountCoreQuotaReached", "AccountLowPriorityCoreQuotaReached"]
    assert found(emulator, "d2") == (3, 0, both)
    less = models.BatchPoolResizeOptions(target_dedicated_nodes=0, target_low_priority_nodes=0)
    emulator.client.begin_resize_pool("d4", less, polling_interval=0.02).result()
    more = models.BatchPoolResizeOptions(target_dedicated_nodes=5, target_low_priority_nodes=2)
    emulator.client.begin_resize_pool("d2", more, polling_interval=0.02).result()
    assert found(emulator, "d2") == (5, 2, [])


def test_one_pool_too_many_is_refused_and_an_auto_pool_says_so_at_its_job(
    emulator: Emulator,
) -> None:
    for pool in "ab":
        emulator.add_pool(pool, nodes=0)
    with pytest.raises(HttpResponseError) as refused:
        emulator.add_pool("c", nodes=0)
    assert (refused.value.status_code, refused.value.error.code) == (409, "PoolQuotaReached")
    image = models.BatchVmImageReference(publisher="debian", offer="debian-12", sku="12")
    machine = models.VirtualMachineConfiguration(
        image_reference=image, node_agent_sku_id="batch.node.debian 12"
    )
    auto = models.BatchAutoPoolSpecification(
        pool_lifetime_option="job",
        pool=models.BatchPoolSpecification(
            vm_size="standard_d2s_v5", virtual_machine_configuration=machine
        ),
    )
    job = models.BatchJobCreateOptions(
        id="j", pool_info=models.BatchPoolInfo(auto_pool_specification=auto)
    )
    emulator.client.create_job(job)
    error = emulator.client.get_job("j").execution_info.scheduling_error
    assert error.code == "AutoPoolCreationFailedWithQuotaReached"
    emulator.client.begin_delete_pool("a", polling_interval=0.02).wait()
    emulator.add_pool("c", nodes=0)


@pytest.mark.parametrize(
    ("size", "processor"),
    [
        ("Standard_D2ps_v5", "arm64"),
        ("Standard_E16-4pds_v6", "arm64"),
        ("Standard_B2pts_v2", "arm64"),
        ("Standard_D2s_v5", "amd64"),
        ("Standard_NP10s", "amd64"),
        ("Standard_DS2_v2_Promo", "amd64"),
        ("small", "amd64"),
    ],
)
def test_the_name_of_a_size_tells_its_processor(size: str, processor: str) -> None:
    assert processor_of(size) == processor


def test_a_pool_joins_only_a_subnet_that_the_account_may_join(emulator: Emulator) -> None:
    emulator.add_pool("in", network_configuration=in_subnet(SUBNET.format("OURS")))
    with pytest.raises(HttpResponseError) as error:
        emulator.add_pool("out", network_configuration=in_subnet(SUBNET.format("theirs")))
    assert error.value.error.code == "InvalidPropertyValue"
    assert "may not join it" in str([one.message for one in error.value.error.details])


def in_subnet(subnet_id: str) -> models.NetworkConfiguration:
    return models.NetworkConfiguration(subnet_id=subnet_id)
