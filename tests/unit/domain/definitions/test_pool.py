import re
from datetime import date

import pytest
from pydantic import ValidationError

from pipeline.domain.definitions.nodes.security import DiskTarget, Security
from pipeline.domain.definitions.nodes.start_task import MAX_PACKAGES, MAX_SCRIPT_BYTES
from pipeline.domain.definitions.pool import (
    Containers,
    Gpu,
    Image,
    Nodes,
    Pool,
    Price,
    local_body,
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


OS, TEMPORARY = DiskTarget


@pytest.mark.parametrize(
    "security",
    [
        Security(trusted_launch=True),
        Security(trusted_launch=True, secure_boot=False),
        Security(encryption_at_host=True),
        Security(disk_encryption=(TEMPORARY,)),
    ],
)
def test_another_security_makes_another_pool(security):
    others = [pool(), pool(security=Security(disk_encryption=(OS, TEMPORARY)))]
    assert physical_id(pool(security=security)) not in [physical_id(one) for one in others]


def test_a_security_that_asks_for_nothing_makes_no_other_pool():
    turned = (TEMPORARY, OS, TEMPORARY)
    assert physical_id(pool(security=Security())) == physical_id(pool())
    assert physical_id(pool(security=Security(disk_encryption=turned))) == physical_id(
        pool(security=Security(disk_encryption=(OS, TEMPORARY)))
    )


def test_a_node_is_secured_in_the_words_of_batch_and_nothing_is_said_that_nobody_asked_for():
    everything = Security(
        trusted_launch=True, encryption_at_host=True, disk_encryption=(TEMPORARY, OS)
    )
    machine = pool_body(pool(security=everything), "")["virtualMachineConfiguration"]
    assert machine["securityProfile"] == {
        "securityType": "trustedLaunch",
        "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        "encryptionAtHost": True,
    }
    assert machine["diskEncryptionConfiguration"] == {"targets": ["osdisk", "temporarydisk"]}
    encrypted = pool_body(pool(security=Security(disk_encryption=(TEMPORARY,))), "")
    assert "securityProfile" not in encrypted["virtualMachineConfiguration"]


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


STARTING = {"packages": ("g++", "poppler-utils"), "start": "setup.sh", "script": "#!/bin/sh\n"}


def test_packages_and_script_make_an_administrators_start_task_that_is_tried_again():
    start = pool_body(pool(**STARTING), "")["startTask"]
    assert start["userIdentity"]["autoUser"] == {"scope": "pool", "elevationLevel": "admin"}
    assert (start["waitForSuccess"], start["maxTaskRetryCount"]) == (True, 2)
    assert re.fullmatch(r'/bin/sh -c "[A-Za-z0-9+/=|>. &-]+"', start["commandLine"])


def test_nothing_reaches_a_start_task_by_a_file_or_a_url_that_could_end():
    assert set(pool_body(pool(**STARTING), "")["startTask"]) == {
        "commandLine",
        "userIdentity",
        "maxTaskRetryCount",
        "waitForSuccess",
    }


def test_a_full_list_of_packages_and_the_longest_script_fit_one_argument():
    names = tuple(f"a{number:099}" for number in range(MAX_PACKAGES))
    script = "#!/bin/sh\n" + "x" * (MAX_SCRIPT_BYTES - 10)
    made = pool(packages=names, start="setup.sh", script=script)
    assert len(pool_body(made, "")["startTask"]["commandLine"]) < 128 * 1024


@pytest.mark.parametrize(
    "changed",
    [{"packages": ("g++",)}, {"start": "other.sh"}, {"script": "#!/bin/bash\n"}],
)
def test_what_nodes_do_when_they_start_makes_another_pool(changed):
    before = pool(**STARTING)
    assert physical_id(before) != physical_id(pool())
    if "start" in changed:  # only the name of the file
        assert physical_id(pool(**{**STARTING, **changed})) == physical_id(before)
    else:
        assert physical_id(pool(**{**STARTING, **changed})) != physical_id(before)


def test_the_order_of_packages_makes_no_other_pool():
    turned = {**STARTING, "packages": ("poppler-utils", "g++")}
    assert physical_id(pool(**turned)) == physical_id(pool(**STARTING))
    assert pool_body(pool(**turned), "") == pool_body(pool(**STARTING), "")


def test_the_pool_of_the_local_stack_installs_nothing_and_has_the_same_id():
    here, there = local_body(pool(**STARTING), "f"), pool_body(pool(**STARTING), "f")
    assert here["startTask"] == pool_body(pool(), "f")["startTask"]
    assert {**here, "startTask": None} == {**there, "startTask": None}


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
