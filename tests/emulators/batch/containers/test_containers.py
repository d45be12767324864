"""What a program in a container sees, how it is started, and what its end says."""

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from emulators.batch.containers.engine import Engine
from tests.emulators.batch.containers.images import GREETER, PLAIN
from tests.emulators.batch.containers.tasks import has_said, inside
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until


def test_a_container_task_sees_the_nodes_folders_and_its_variables(running: Emulator) -> None:
    script = 'pwd; echo "$MINE"; echo made > made.txt; ls $AZ_BATCH_NODE_ROOT_DIR >&2'
    setting = models.EnvironmentSetting(name="MINE", value="two\nlines $HOME")
    task = running.run(
        "j",
        "seen",
        shell(script),
        container_settings=inside(),
        environment_settings=[setting],
    )
    assert (task.execution_info.result, task.execution_info.exit_code) == ("success", 0)
    container = task.execution_info.container_info
    assert (len(container.container_id), container.state) == (64, "exited")
    assert container.error is None
    lines = running.file("j", "seen", "stdout.txt").splitlines()
    assert lines[0].endswith("/workitems/j/job-1/seen/wd")
    assert lines[1:3] == ["two", "lines $HOME"]
    assert running.file("j", "seen", "wd/made.txt") == "made\n"
    assert "workitems" in running.file("j", "seen", "stderr.txt")


def test_path_and_home_are_those_of_the_node_and_not_of_the_image(running: Emulator) -> None:
    script = shell('echo "$PATH"; echo "$HOME"; test -d "$HOME" || echo absent')
    running.run("j", "nodes-own", script, container_settings=inside())
    path, home, absent = running.file("j", "nodes-own", "stdout.txt").splitlines()
    assert path == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert (home, absent) == ("/home/_azbatchtask_1", "absent")
    own = [models.EnvironmentSetting(name="HOME", value="/tmp")]
    running.run("j", "own", script, container_settings=inside(), environment_settings=own)
    assert running.file("j", "own", "stdout.txt").splitlines()[1] == "/tmp"


@pytest.mark.parametrize(
    ("name", "image", "command", "code", "failure"),
    [
        ("one", PLAIN, shell("exit 1"), 1, "FailureExitCode"),
        ("seven", PLAIN, shell("exit 7"), 7, "FailureExitCode"),
        ("own-126", PLAIN, shell("exit 126"), 126, "FailureExitCode"),
        ("own-127", PLAIN, shell("no-such-program"), 127, "FailureExitCode"),
        ("no-program", PLAIN, "/no/such/program", None, "CommandProgramNotFound"),
        ("no-folder", PLAIN, "/bin", None, "ContainerMiscError"),
    ],
)
def test_exit_codes_are_the_programs_own_or_say_that_it_never_ran(
    running: Emulator, name: str, image: str, command: str, code: int | None, failure: str
) -> None:
    settings = inside(image, container_run_options="--rm")
    info = running.run("j", name, command, container_settings=settings).execution_info
    assert info.failure_info.code == failure
    assert info.exit_code == code
    if code is None:
        assert info.container_info.state == "created"
        assert info.container_info.error


@pytest.mark.parametrize(
    ("name", "command", "options", "said"),
    [
        ("images-own", "", "--rm", "hello nobody\n"),
        ("arguments", "dear 'all of you'", "--rm", "hello dear all of you\n"),
        ("replaced", "-c 'echo $MOOD'", "--rm --entrypoint /bin/sh", "fine\n"),
    ],
)
def test_the_command_line_is_what_the_images_entrypoint_gets(
    running: Emulator, name: str, command: str, options: str, said: str
) -> None:
    settings = inside(GREETER, container_run_options=options)
    running.run("j", name, command, container_settings=settings)
    assert running.file("j", name, "stdout.txt") == said


def test_the_image_says_where_a_program_works_if_the_task_lets_it(running: Emulator) -> None:
    settings = inside(
        GREETER,
        working_directory="containerImageDefault",
        container_run_options="--entrypoint /bin/pwd",
    )
    running.run("j", "in-tmp", "", container_settings=settings)
    assert running.file("j", "in-tmp", "stdout.txt") == "/tmp\n"


def test_only_a_container_may_have_an_empty_command_line(running: Emulator) -> None:
    with pytest.raises(HttpResponseError, match="InvalidPropertyValue") as refused:
        running.add_task("j", "empty", "")
    assert refused.value.status_code == 400


def test_only_listed_folders_are_mounted_and_named(running: Emulator) -> None:
    mounts = [
        models.ContainerHostBatchBindMountEntry(source="Task"),
        models.ContainerHostBatchBindMountEntry(source="Shared", is_read_only=True),
    ]
    script = shell("env; echo mine > mine.txt; echo x > $AZ_BATCH_NODE_SHARED_DIR/x || echo closed")
    settings = inside(container_host_batch_bind_mounts=mounts)
    running.run("j", "mounts", script, container_settings=settings)
    said = running.file("j", "mounts", "stdout.txt")
    assert "AZ_BATCH_NODE_SHARED_DIR=/" in said
    assert "AZ_BATCH_NODE_STARTUP_DIR" not in said
    assert "AZ_BATCH_NODE_ROOT_DIR" not in said
    assert said.endswith("closed\n")
    assert running.file("j", "mounts", "wd/mine.txt") == "mine\n"


def test_a_plain_task_that_ends_does_not_touch_the_containers_beside_it(
    running: Emulator,
) -> None:
    script = "echo on; until [ -e go ]; do sleep 0.1; done; echo off"
    running.add_task("j", "long", shell(script), container_settings=inside())
    until(lambda: has_said(running, "long", "on"))
    running.add_job("plain", running.add_pool("plain"))
    for number in range(5):
        running.run("plain", f"plain-{number}", shell("sleep 300 & true"))
    (folder,) = running.data.glob("nodes/*/workitems/j/job-1/long/wd")
    (folder / "go").touch()
    assert running.finished("j", "long").execution_info.result == "success"
    assert running.file("j", "long", "stdout.txt") == "on\noff\n"


def test_a_container_may_keep_the_home_of_its_image(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("images-own")
    emulator = Emulator(data, "--container-engine", engine.name, "--container-environment", "image")
    emulator.add_container_pool("p", [])
    emulator.add_job("j", "p")
    emulator.run("j", "t", shell('echo "$HOME"'), container_settings=inside())
    said = emulator.file("j", "t", "stdout.txt")
    emulator.stop()
    assert said != "/home/_azbatchtask_1\n"


def test_a_gang_in_containers_may_leave_its_coordination_to_the_image(running: Emulator) -> None:
    settings = inside(
        container_run_options="--rm",
        container_host_batch_bind_mounts=[models.ContainerHostBatchBindMountEntry(source="Task")],
    )
    gang = models.MultiInstanceSettings(number_of_instances=1, coordination_command_line="")
    script = shell('test -d "$AZ_BATCH_TASK_SHARED_DIR" && echo "$AZ_BATCH_IS_CURRENT_NODE_MASTER"')
    running.run("j", "gang", script, container_settings=settings, multi_instance_settings=gang)
    assert running.file("j", "gang", "stdout.txt") == "true\n"


def test_no_variable_of_a_task_mounts_a_folder_outside_its_node(running: Emulator) -> None:
    settings = inside(
        container_run_options="--rm",
        container_host_batch_bind_mounts=[models.ContainerHostBatchBindMountEntry(source="Task")],
    )
    node, *_ = running.client.list_nodes("p")
    root = running.data / "nodes" / node.id.removeprefix("tvmps_")[:16]
    assert root.is_dir()
    outside = models.EnvironmentSetting(name="AZ_BATCH_TASK_SHARED_DIR", value=f"{root}/../..")
    script = shell(f"ls {running.data}/batch.sqlite || echo closed")
    task = running.run(
        "j", "outside", script, container_settings=settings, environment_settings=[outside]
    )
    assert task.execution_info.result == "success"
    assert running.file("j", "outside", "stdout.txt") == "closed\n"
