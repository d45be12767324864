"""What the machine of a node has and allows: users, GPUs, programs that do not start."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import models

from emulators.batch.agent.gpus import count_gpus, is_gpu_size
from emulators.batch.agent.users import user_id
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until


def auto(scope: str, level: str = "nonadmin") -> models.UserIdentity:
    user = models.AutoUserSpecification(scope=scope, elevation_level=level)
    return models.UserIdentity(auto_user=user)


@pytest.fixture(scope="module")
def job(emulator: Emulator) -> str:
    emulator.add_pool("machine", slots=4)
    return emulator.add_job("machine", "machine")


def test_a_user_that_the_pool_lacks_fails_the_task(emulator: Emulator, job: str) -> None:
    nobody = models.UserIdentity(username="nobody-here")
    info = emulator.run(job, "nobody", "true", user_identity=nobody).execution_info
    assert info.failure_info.code == "CommandLaunchFailed"
    assert "nobody-here" in info.failure_info.details[0].value


@pytest.mark.skipif(os.geteuid() != 0, reason="for want of root, to run tasks as other users")
def test_mapped_users_are_distinct_unprivileged_and_own_their_folder() -> None:
    # pytest's own folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="batch-users-"))
    folder.chmod(0o755)
    emulator = Emulator(folder / "data", "--users", "map")
    account = models.UserAccount(name="ana", password="not used here")
    emulator.add_pool("p", slots=4, user_accounts=[account])
    emulator.add_job("j", "p")
    script = shell("id -u; touch mine && echo made")
    users = {
        "pool-1": auto("pool"),
        "pool-2": auto("pool"),
        "task-1": auto("task"),
        "task-2": auto("task"),
        "ana": models.UserIdentity(username="ana"),
        "admin": auto("pool", "admin"),
    }
    seen = {}
    for name, identity in users.items():
        emulator.run("j", name, script, user_identity=identity)
        number, made = emulator.file("j", name, "stdout.txt").split()
        assert made == "made"
        seen[name] = int(number)
    emulator.stop()
    shutil.rmtree(folder)
    assert seen["admin"] == 0
    assert seen["pool-1"] == seen["pool-2"]
    assert len(set(seen.values())) == 5
    assert min(number for name, number in seen.items() if name != "admin") > 1 << 20


def test_task_scope_is_one_user_a_directory() -> None:
    task = {"autoUser": {"scope": "task"}}
    one, two = (user_id(task, [], "p", Path(f"/n/{name}")) for name in "ab")
    assert one != two


def test_an_nvidia_smi_that_cannot_run_counts_none(tmp_path: Path) -> None:
    program = tmp_path / "smi"
    program.write_bytes(b"\x00\x01 no program")
    program.chmod(0o755)
    assert asyncio.run(count_gpus(str(program))) == 0


def test_sizes_with_gpus_are_known_by_their_family() -> None:
    assert is_gpu_size("Standard_NC4as_T4_v3")
    assert is_gpu_size("standard_nd96isr_h100_v5")
    assert not is_gpu_size("standard_d2s_v5")
    assert not is_gpu_size("Standard_NP10s")


def test_gpus_are_counted_by_nvidia_smi(tmp_path: Path) -> None:
    program = tmp_path / "smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: T4 (UUID: a)'; echo 'GPU 1: T4 (UUID: b)'\n")
    program.chmod(0o755)
    assert asyncio.run(count_gpus(str(program))) == 2
    assert asyncio.run(count_gpus("no-such-nvidia-smi")) == 0


@pytest.fixture
def gpu_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Run an emulator that finds no nvidia-smi, whatever this machine has."""
    monkeypatch.setenv("PATH", "/nowhere")
    emulator = Emulator(tmp_path / "data", "--node-path", "/usr/bin:/bin")
    yield emulator
    emulator.stop()


def test_a_task_of_a_gpu_pool_fails_with_a_reason_or_runs_on_the_cpu(gpu_less: Emulator) -> None:
    chosen = [models.BatchMetadataItem(name="emulator.missingGpu", value="cpu")]
    for name, metadata in (("strict", None), ("lenient", chosen)):
        gpu_less.add_pool(name, vm_size="Standard_NC4as_T4_v3", metadata=metadata)
        gpu_less.add_job(name, name)
    info = gpu_less.run("strict", "t", "true").execution_info
    assert info.failure_info.code == "TaskSchedulingConstraintFailed"
    assert "--missing-gpu cpu" in info.failure_info.details[0].value
    assert gpu_less.run("lenient", "t", "true").execution_info.result == "success"


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        ("#!/no/such/interpreter\n", 0o755, "CommandProgramNotFound"),
        ("\x00\x01 no program", 0o755, "CommandLaunchFailed"),
        ("#!/bin/sh\n", 0o644, "CommandLaunchFailed"),
    ],
)
def test_what_cannot_be_launched_says_so(
    emulator: Emulator, job: str, tmp_path: Path, content: str, mode: int, code: str
) -> None:
    program = tmp_path / "program"
    program.write_text(content)
    program.chmod(mode)
    info = emulator.run(job, tmp_path.name, str(program)).execution_info
    assert info.failure_info.code == code
    assert info.exit_code is None


def test_a_folder_that_cannot_be_made_is_the_services_fault_and_nobody_elses(
    emulator: Emulator,
) -> None:
    emulator.add_pool("blocked")
    (node,) = until(lambda: list(emulator.client.list_nodes("blocked")))
    until(lambda: emulator.client.get_node("blocked", node.id).state == "idle")
    (root,) = emulator.data.glob(f"nodes/{node.id.removeprefix('tvmps_')[:16]}")
    (root / "workitems" / "blocked").write_text("in the way")
    emulator.add_job("blocked", "blocked")
    info = emulator.run("blocked", "t", "true").execution_info
    assert info.failure_info.code == "ResourceDirectoryCreateFailed"
    assert info.failure_info.category == "servererror"


def test_a_command_line_longer_than_the_kernel_takes_fails_its_task_alone(
    emulator: Emulator, job: str
) -> None:
    info = emulator.run(job, "long", f"echo {'x' * 200_000}").execution_info
    assert info.failure_info.code == "CommandLaunchFailed"
    assert emulator.run(job, "after", "true").execution_info.result == "success"
