from datetime import date

import pytest
from pydantic import ValidationError

from pipeline.domain.definitions.pool import (
    Containers,
    Gpu,
    Image,
    Nodes,
    Pool,
    Price,
    physical_id,
    pool_body,
)


def pool(**changes):
    image = Image(
        publisher="canonical", offer="ubuntu", sku="server", agent="batch.node.ubuntu 24.04"
    )
    given = {"name": "cpu", "size": "Standard_D2s_v5", "image": image, "slots": 2}
    return Pool(**{**given, "nodes": Nodes(maximum=4), **changes})


def test_what_cannot_be_changed_is_in_the_physical_id():
    plain = physical_id(pool())
    assert plain.startswith("cpu-")
    assert len(plain) == len("cpu-") + 8
    assert plain != physical_id(pool(size="Standard_D4s_v5"))
    assert plain != physical_id(pool(slots=1))
    assert plain != physical_id(pool(containers=Containers(images=("python:3.13",))))


def test_what_can_be_changed_is_not_in_the_physical_id():
    other = pool(nodes=Nodes(maximum=9), description="x", idle_minutes=20)
    assert physical_id(pool()) == physical_id(other)


def test_the_body_is_what_batch_accepts():
    body = pool_body(pool(), "$TargetDedicatedNodes = 0;")
    machine = body["virtualMachineConfiguration"]
    assert (body["id"], body["vmSize"]) == (physical_id(pool()), "Standard_D2s_v5")
    assert (body["taskSlotsPerNode"], body["enableAutoScale"]) == (2, True)
    assert body["autoScaleEvaluationInterval"] == "PT5M"
    assert machine["imageReference"]["version"] == "latest"
    assert machine["nodeAgentSKUId"] == "batch.node.ubuntu 24.04"
    assert "extensions" not in machine
    assert "containerConfiguration" not in machine


def test_the_start_task_has_the_user_of_preparations_so_that_its_folder_is_theirs():
    start = pool_body(pool(), "")["startTask"]
    assert start["userIdentity"]["autoUser"] == {"scope": "pool", "elevationLevel": "nonadmin"}
    assert start["waitForSuccess"] is True


def test_container_images_are_pulled_when_the_node_starts():
    machine = pool_body(pool(containers=Containers(images=("a:1",))), "")[
        "virtualMachineConfiguration"
    ]
    assert machine["containerConfiguration"] == {
        "type": "dockerCompatible",
        "containerImageNames": ["a:1"],
    }


def test_a_plain_image_gets_the_gpu_driver_and_an_hpc_image_has_it():
    plain = pool(gpu=Gpu.NVIDIA, slots=1)
    hpc = plain.model_copy(
        update={"image": plain.image.model_copy(update={"publisher": "microsoft-dsvm"})}
    )
    assert "extensions" in pool_body(plain, "")["virtualMachineConfiguration"]
    assert "extensions" not in pool_body(hpc, "")["virtualMachineConfiguration"]


@pytest.mark.parametrize(("gpus", "slots"), [({}, 2), ({"gpus": 4}, 5)])
def test_a_node_takes_no_more_tasks_than_it_has_gpus(gpus, slots):
    with pytest.raises(ValidationError, match="and takes no more tasks than GPUs"):
        pool(gpu=Gpu.NVIDIA, slots=slots, **gpus)


def test_a_node_with_several_gpus_has_as_many_slots_or_fewer():
    assert pool().devices == 0
    assert pool(gpu=Gpu.NVIDIA, slots=1).devices == 1
    assert [pool(gpu=Gpu.NVIDIA, gpus=4, slots=n).devices for n in (1, 2, 4)] == [4, 4, 4]


def test_a_number_of_gpus_needs_a_kind_of_gpu():
    with pytest.raises(ValidationError, match="gpus is for gpu: nvidia"):
        pool(gpus=2)


@pytest.mark.parametrize(
    ("share", "spot", "expected"),
    [(0.0, 0.2, 1.0), (0.5, 0.2, 0.6), (1.0, 0.2, 0.2), (0.5, None, 1.0)],
)
def test_an_hour_costs_less_by_the_share_of_spot_nodes(share, spot, expected):
    price = Price(per_hour=1.0, spot_per_hour=spot, source="test", date=date(2026, 9, 1))
    nodes = Nodes(maximum=4, spot_share=share)
    assert pool(nodes=nodes, price=price).per_hour == pytest.approx(expected)


def test_an_hour_of_a_pool_without_a_price_has_none():
    assert pool().per_hour is None
