"""Container tasks with the engine of this machine; visibly skipped if it has none."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models

from emulators.batch.containers.engine import Engine, find_engine
from emulators.batch.containers.runtime import owner_label
from tests.depth import more
from tests.emulators.batch.containers.registry import PASSWORD, USER, layer, registry
from tests.emulators.batch.running import Emulator, shell
from tests.needs import missing
from tests.patience import until

IMAGE = "localhost/fanfare-test:1"
# By how to ask for an engine: what who has none is without, and what brings it.
ANY = {"auto": ("Podman or Docker", "podman runc")}
EACH = {"podman": ("Podman", "podman runc"), "docker": ("Docker", "docker.io")}
ENGINES = more(ANY, EACH)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Return an engine that works, with an image made of one static program."""
    found = asyncio.run(find_engine(request.param))
    if found is None:
        missing(*ENGINES[request.param])
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    archive.write_bytes(layer())
    command = [found.path, "import", str(archive), IMAGE]
    subprocess.run(command, check=True, capture_output=True)
    return found


@pytest.fixture(scope="module")
def running(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path_factory.mktemp("containers"), "--container-engine", engine.name)
    emulator.add_container_pool("p", [])
    emulator.add_job("j", "p")
    yield emulator
    assert emulator.stop() == 0
    assert containers_of(engine) == []


def containers_of(engine: Engine) -> list[str]:
    command = [engine.path, "ps", "--all", "--quiet", "--filter", "label=fanfare.run"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def inside(image: str = IMAGE, **more: object) -> models.BatchTaskContainerSettings:
    return models.BatchTaskContainerSettings(image_name=image, **more)


def test_a_container_task_sees_the_nodes_folders_and_its_variables(running: Emulator) -> None:
    script = "pwd; echo $MINE; echo $PATH; echo made > made.txt; ls $AZ_BATCH_NODE_ROOT_DIR >&2"
    setting = models.EnvironmentSetting(name="MINE", value="two\nlines $HOME")
    task = running.run(
        "j",
        "seen",
        shell(script.replace("ls", "busybox ls").replace("$MINE", '"$MINE"')),
        container_settings=inside(),
        environment_settings=[setting],
    )
    assert (task.execution_info.result, task.execution_info.exit_code) == ("success", 0)
    container = task.execution_info.container_info
    assert (len(container.container_id), container.state) == (64, "exited")
    lines = running.file("j", "seen", "stdout.txt").splitlines()
    assert lines[0].endswith("/workitems/j/job-1/seen/wd")
    assert lines[1:3] == ["two", "lines $HOME"]
    assert lines[3].startswith("/usr/local/sbin")
    assert running.file("j", "seen", "wd/made.txt") == "made\n"
    assert "workitems" in running.file("j", "seen", "stderr.txt")


@pytest.mark.parametrize(
    ("name", "command", "code", "failure"),
    [
        ("one", shell("exit 1"), 1, "FailureExitCode"),
        ("seven", shell("exit 7"), 7, "FailureExitCode"),
        ("its-own-127", shell("exit 127"), 127, "FailureExitCode"),
        ("no-program", "/no/such/program", None, "CommandProgramNotFound"),
    ],
)
def test_exit_codes_are_the_programs_own_or_say_that_it_never_ran(
    running: Emulator, name: str, command: str, code: int | None, failure: str
) -> None:
    task = running.run("j", name, command, container_settings=inside())
    assert task.execution_info.failure_info.code == failure
    assert task.execution_info.exit_code == code


def test_options_are_arguments_and_no_shell_reads_them(running: Emulator, tmp_path: Path) -> None:
    options = f"--env GREETING='two words' --workdir /tmp ; touch {tmp_path}/pwned"
    task = running.run(
        "j", "hostile", "pwd", container_settings=inside(container_run_options=options)
    )
    assert task.execution_info.result == "failure"
    assert not (tmp_path / "pwned").exists()
    mild = inside(container_run_options="--env GREETING='two words' --workdir /tmp")
    running.run("j", "mild", shell('pwd; echo "$GREETING"'), container_settings=mild)
    assert running.file("j", "mild", "stdout.txt") == "/tmp\ntwo words\n"


def test_options_that_name_an_image_leave_no_container_behind(
    running: Emulator, engine: Engine
) -> None:
    options = f"--name mine {IMAGE} sh -c 'sleep 300'"
    running.add_task("j", "sly", "true", container_settings=inside(container_run_options=options))
    until(lambda: running.client.get_task("j", "sly").state == "running" and containers_of(engine))
    running.client.terminate_task("j", "sly")
    running.finished("j", "sly")
    until(lambda: not containers_of(engine))


def test_time_limit_and_termination_take_the_container_along(
    running: Emulator, engine: Engine
) -> None:
    limit = models.BatchTaskConstraints(max_wall_clock_time=timedelta(seconds=3))
    slow = running.run("j", "slow", "sleep 300", container_settings=inside(), constraints=limit)
    assert slow.execution_info.failure_info.code == "MaxWallClockTimeExpiry"
    assert containers_of(engine) == []
    running.add_task("j", "ended", shell("echo on; sleep 300"), container_settings=inside())
    until(
        lambda: running.client.get_task("j", "ended").state == "running" and containers_of(engine)
    )
    running.client.terminate_task("j", "ended")
    running.finished("j", "ended")
    assert containers_of(engine) == []


def test_what_the_engines_program_cannot_take_fails_the_task_alone(running: Emulator) -> None:
    long = inside(container_run_options=f"--env X={'x' * 200_000}")
    info = running.run("j", "too-long", "true", container_settings=long).execution_info
    assert info.failure_info.code == "ContainerMiscError"
    assert running.run("j", "still-on", "true").execution_info.result == "success"


def test_a_plain_task_that_ends_does_not_touch_the_containers_beside_it(
    running: Emulator,
) -> None:
    running.add_task(
        "j",
        "long",
        shell("echo on; until [ -e go ]; do sleep 0.1; done; echo off"),
        container_settings=inside(),
    )
    until(lambda: _has(running, "long", "on"))
    for number in range(5):
        running.run("j", f"plain-{number}", shell("sleep 300 & true"))
    (folder,) = running.data.glob("nodes/*/workitems/j/job-1/long/wd")
    (folder / "go").touch()
    assert running.finished("j", "long").execution_info.result == "success"
    assert running.file("j", "long", "stdout.txt") == "on\noff\n"


def _has(emulator: Emulator, task_id: str, text: str) -> bool:
    if emulator.client.get_task("j", task_id).state != "running":
        return False
    files = list(emulator.data.glob(f"nodes/*/workitems/j/job-1/{task_id}/stdout.txt"))
    return bool(files) and text in files[0].read_text()


def test_an_image_that_nobody_has_fails_the_task_with_its_reason(running: Emulator) -> None:
    settings = inside("registry.invalid/none:1")
    info = running.run("j", "none", "true", container_settings=settings).execution_info
    assert info.failure_info.code == "ContainerInvalidImage"
    assert (
        "registry.invalid" in {one.name: one.value for one in info.failure_info.details}["Message"]
    )


def test_a_pool_pulls_its_images_before_its_nodes_are_idle(running: Emulator) -> None:
    for pool_id, image in (("has", IMAGE), ("lacks", "registry.invalid/none:1")):
        running.add_container_pool(pool_id, [image])
    until(lambda: [node.state for node in running.client.list_nodes("has")] == ["idle"])
    until(lambda: [node.state for node in running.client.list_nodes("lacks")] == ["unusable"])
    (node,) = running.client.list_nodes("lacks")
    assert node.errors[0].code == "ContainerInvalidImage"


@pytest.fixture
def guarded(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Emulator, str]]:
    """Run an emulator beside a registry that asks for a password, over http."""
    with registry(layer()) as address:
        insecure = tmp_path / "registries.conf"
        insecure.write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(insecure))
        emulator = Emulator(tmp_path / "data", "--container-engine", engine.name)
        yield emulator, address
        assert emulator.stop() == 0
        remove = [engine.path, "rmi", "--force", f"{address}/tools:1", f"{address}/more/tools:1"]
        subprocess.run(remove, check=False, capture_output=True)


def login(address: str, password: str = PASSWORD) -> models.ContainerRegistryReference:
    return models.ContainerRegistryReference(
        registry_server=address, username=USER, password=password
    )


def test_images_come_from_a_registry_that_wants_a_password(guarded: tuple[Emulator, str]) -> None:
    emulator, address = guarded
    emulator.add_container_pool("p", [f"{address}/tools:1"], [login(address)])
    until(lambda: [node.state for node in emulator.client.list_nodes("p")] == ["idle"])
    emulator.add_job("j", "p")
    own = inside(f"{address}/more/tools:1", registry=login(address))
    for task_id, settings in (("pools", inside(f"{address}/tools:1")), ("own", own)):
        emulator.run("j", task_id, shell("echo here"), container_settings=settings)
        assert emulator.file("j", task_id, "stdout.txt") == "here\n"


@pytest.mark.parametrize("given", ["no login", "a wrong password"])
def test_a_registry_that_refuses_makes_the_node_unusable_and_keeps_the_password(
    guarded: tuple[Emulator, str], given: str
) -> None:
    emulator, address = guarded
    logins = [] if given == "no login" else [login(address, "knock knock")]
    emulator.add_container_pool("p", [f"{address}/tools:1"], logins)
    until(lambda: [node.state for node in emulator.client.list_nodes("p")] == ["unusable"])
    (node,) = emulator.client.list_nodes("p")
    told = {one.name: one.value for one in node.errors[0].error_details}
    assert node.errors[0].code == "ContainerInvalidImage"
    assert told["ImageName"] == f"{address}/tools:1"
    refusals = ("unauthorized", "no basic auth credentials")  # The words of Podman and of Docker.
    assert any(words in told["Message"].lower() for words in refusals)
    assert "knock" not in str(node.as_dict())


def test_no_container_outlives_a_killed_emulator(engine: Engine, tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", "--container-engine", engine.name)
    emulator.add_container_pool("p", [])
    emulator.add_job("j", "p")
    emulator.add_task("j", "t", shell("echo on; sleep 300"), container_settings=inside())
    until(lambda: _has(emulator, "t", "on"))
    emulator.stop(signal.SIGKILL)
    until(lambda: not containers_of(engine))


def test_a_container_that_an_agent_left_is_removed_at_the_next_start(
    engine: Engine, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    emulator = Emulator(data, "--container-engine", engine.name)
    emulator.add_container_pool("p", [])
    emulator.add_job("j", "p")
    emulator.run("j", "t", "true", container_settings=inside())
    emulator.stop(signal.SIGKILL)
    label = owner_label(data.resolve())
    command = [engine.path, "create", *engine.flags, "--label", label, "--label", "fanfare.run=x"]
    subprocess.run([*command, IMAGE, "sleep", "300"], check=True, capture_output=True)
    assert containers_of(engine)
    emulator.start()
    assert containers_of(engine) == []
    emulator.stop()


def test_a_pool_without_a_container_configuration_runs_no_container(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", "--container-engine", "none")
    emulator.add_pool("plain")
    emulator.add_job("j", "plain")
    info = emulator.run("j", "t", "true", container_settings=inside()).execution_info
    emulator.stop()
    failure = info.failure_info
    assert (failure.category, failure.code) == ("usererror", "ContainerPoolNotSupported")


def test_without_an_engine_a_container_task_says_what_to_do(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", "--container-engine", "none")
    emulator.add_container_pool("p", [])
    emulator.add_job("j", "p")
    info = emulator.run("j", "t", "true", container_settings=inside()).execution_info
    emulator.stop()
    assert info.failure_info.code == "ContainerMiscError"
    assert "--container-engine none" in info.failure_info.details[0].value
