"""Users inside containers, and warnings about what only the cloud would refuse."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import models

from emulators.batch.containers.engine import Engine
from emulators.batch.containers.images import processor
from tests.emulators.batch.containers.images import CUDA, PLAIN
from tests.emulators.batch.containers.tasks import ADMIN, NON_ADMIN, inside, warnings_of
from tests.emulators.batch.running import Emulator, shell

GPU = "NVIDIA_VISIBLE_DEVICES"
WRITES = shell("echo mine > mine.txt; touch /in-the-image || echo closed; id -u")
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="for want of root, to run tasks as other users"
)


@pytest.fixture(scope="module")
def mapping(engine: Engine) -> Iterator[Emulator]:
    """Run an emulator under which no ordinary task is root, not even if we are."""
    # The folders of pytest are closed to other users.
    room = Path(tempfile.mkdtemp(prefix="users-"))
    room.chmod(0o711)
    as_others = ("--users", "map", "--node-path", "/usr/local/bin:/usr/bin:/bin")
    flags = ("--container-engine", engine.name, *(() if os.geteuid() else as_others))
    emulator = Emulator(room / "data", *flags)
    emulator.add_container_pool("p", [])
    emulator.add_job("j", "p")
    yield emulator
    emulator.stop()
    shutil.rmtree(room)


def test_an_ordinary_identity_has_its_nodes_user_inside(mapping: Emulator) -> None:
    settings = inside(container_run_options="--rm")
    mapping.run("j", "plain", WRITES, container_settings=settings, user_identity=NON_ADMIN)
    closed, user = mapping.file("j", "plain", "stdout.txt").splitlines()
    (made,) = mapping.data.glob("nodes/*/workitems/j/job-1/plain/wd/mine.txt")
    assert (closed, int(user)) == ("closed", made.stat().st_uid)
    assert int(user) != 0
    assert warnings_of(mapping, "plain") == ""


@as_root
def test_an_administrator_has_the_images_user_and_leaves_files_of_root(
    mapping: Emulator,
) -> None:
    settings = inside(container_run_options="--rm")
    mapping.run("j", "admin", WRITES, container_settings=settings, user_identity=ADMIN)
    assert mapping.file("j", "admin", "stdout.txt") == "0\n"
    assert "files of root" in warnings_of(mapping, "admin")
    tidy = inside(container_run_options="--rm --user 65534")
    script = shell("id -u")
    mapping.run("j", "tidy", script, container_settings=tidy, user_identity=ADMIN)
    assert mapping.file("j", "tidy", "stdout.txt") == "65534\n"
    assert warnings_of(mapping, "tidy") == ""


@as_root
def test_root_by_option_is_warned_of(mapping: Emulator) -> None:
    settings = inside(container_run_options="--rm --user 0:0")
    mapping.run("j", "sudo", WRITES, container_settings=settings, user_identity=NON_ADMIN)
    assert "no administrator" in warnings_of(mapping, "sudo")


@pytest.mark.parametrize(
    ("name", "options", "warning"),
    [
        ("kept", "", "--rm"),
        ("gone", "--rm --user 65534", ""),
        pytest.param("root", "--rm", "no administrator", marks=as_root),
        ("host", "--rm --user 65534 --network host", "--network host"),
    ],
)
def test_options_that_only_the_cloud_refuses_are_warned_of(
    running: Emulator, name: str, options: str, warning: str
) -> None:
    settings = inside(container_run_options=options)
    running.run("j", name, shell("true"), container_settings=settings)
    found = warnings_of(running, name)
    assert warning in found
    assert bool(found) == bool(warning)


def test_the_page_shows_the_warnings_of_a_task(running: Emulator) -> None:
    running.run("j", "shown", shell("true"), container_settings=inside())
    page = running.admin("GET", "/_admin/page/state?job=j")
    (task,) = [one for one in page["job"]["tasks"] if one["id"] == "shown"]
    assert "lack --rm" in task["why"]


@pytest.fixture
def lenient(engine: Engine, tmp_path: Path) -> Iterator[Emulator]:
    flags = ("--container-engine", engine.name, "--missing-gpu", "cpu")
    emulator = Emulator(tmp_path / "data", *flags)
    yield emulator
    emulator.stop()


def test_on_a_gpu_pool_an_image_has_to_ask_for_the_gpu(lenient: Emulator) -> None:
    lenient.add_container_pool("p", [], vm_size="standard_nc4as_t4_v3")
    lenient.add_job("j", "p")
    asks = models.EnvironmentSetting(name="NVIDIA_VISIBLE_DEVICES", value="all")
    for name, image, settings in (("image", CUDA, []), ("task", PLAIN, [asks]), ("no", PLAIN, [])):
        lenient.run(
            "j",
            name,
            shell("true"),
            container_settings=inside(image, container_run_options="--rm"),
            environment_settings=settings,
        )
    told = {name: GPU in warnings_of(lenient, name) for name in ("image", "task", "no")}
    assert told == {"image": False, "task": False, "no": True}


def test_an_image_of_this_machine_may_not_fit_the_nodes(lenient: Emulator) -> None:
    for job, size in (("x86", "standard_d2s_v5"), ("arm", "standard_d2ps_v5")):
        lenient.add_container_pool(job, [], vm_size=size)
        lenient.add_job(job, job)
        lenient.run(job, job, shell("true"), container_settings=inside())
    other = "x86" if processor() == "arm64" else "arm"
    told = {job for job in ("x86", "arm") if "another processor" in warnings_of(lenient, job)}
    assert told == {other}
