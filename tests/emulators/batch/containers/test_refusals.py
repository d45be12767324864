"""Container tasks that the service or the agent refuses, in the words that users report."""

from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from emulators.batch.containers.engine import Engine
from tests.emulators.batch.containers.images import FOREIGN, PLAIN
from tests.emulators.batch.containers.tasks import containers_of, inside
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until

NO_SETTINGS = "Container-enabled compute node requires task container settings"


def details(failure: models.BatchTaskFailureInfo) -> dict[str, str]:
    return {one.name: one.value for one in failure.details}


def test_options_that_the_agent_does_not_know_fail_the_task_before_it_has_a_container(
    running: Emulator,
) -> None:
    settings = inside("registry.invalid/none:1", container_run_options="--rm --gpus all")
    info = running.run("j", "gpus", "true", container_settings=settings).execution_info
    failure = info.failure_info
    assert (failure.category, failure.code) == ("usererror", "ContainerInvalidSettings")
    words = "At least one value of specified task container settings is invalid"
    assert failure.message == words
    assert details(failure) == {
        "ContainerSettings": "--rm --gpus all",
        "Message": "Some supplied docker options are not recognized or are unsupported: --gpus",
    }
    assert (info.container_info, info.exit_code) == (None, None)


@pytest.mark.parametrize(
    ("name", "options"),
    [("semicolon", "--workdir /tmp ; touch {0}/pwned"), ("image", f"--name m {PLAIN} sh -c true")],
)
def test_no_shell_and_no_second_image_hides_in_the_options(
    running: Emulator, engine: Engine, tmp_path: Path, name: str, options: str
) -> None:
    settings = inside(container_run_options=options.format(tmp_path))
    info = running.run("j", name, "pwd", container_settings=settings).execution_info
    assert info.failure_info.code == "ContainerInvalidSettings"
    assert not (tmp_path / "pwned").exists()
    until(lambda: containers_of(engine, running) == [])


def test_options_reach_the_container_with_batchs_variables_expanded(running: Emulator) -> None:
    options = (
        "--rm --env GREETING='two words' --workdir /tmp "
        "--mount type=bind,source=$AZ_BATCH_NODE_SHARED_DIR,target=/given "
        "-v ${AZ_BATCH_TASK_WORKING_DIR}:/mine"
    )
    script = shell('pwd; echo "$GREETING"; ls -d /given /mine')
    settings = inside(container_run_options=options)
    running.run("j", "expanded", script, container_settings=settings)
    assert running.file("j", "expanded", "stdout.txt") == "/tmp\ntwo words\n/given\n/mine\n"


def test_what_the_engine_cannot_take_fails_the_task_alone(running: Emulator) -> None:
    long = inside(container_run_options=f"--env X={'x' * 200_000}")
    info = running.run("j", "too-long", "true", container_settings=long).execution_info
    assert info.failure_info.code == "ContainerMiscError"
    settings = inside()
    info = running.run("j", "still-on", "true", container_settings=settings).execution_info
    assert info.failure_info.code == "CommandProgramNotFound"


@pytest.mark.parametrize(
    ("sources", "named"),
    [(["Shared", "Task", "Shared"], "containerHostBatchBindMounts"), ([], "workingDirectory")],
)
def test_mounts_that_contradict_one_another_are_refused_at_once(
    running: Emulator, sources: list[str], named: str
) -> None:
    mounts = [models.ContainerHostBatchBindMountEntry(source=source) for source in sources]
    settings = inside(container_host_batch_bind_mounts=mounts)
    with pytest.raises(HttpResponseError) as refused:
        running.add_task("j", "mounts-wrong", "true", container_settings=settings)
    assert refused.value.status_code == 400
    assert named in str(refused.value.response.text())


def test_an_image_that_nobody_has_fails_the_task_with_its_reason(running: Emulator) -> None:
    settings = inside("registry.invalid/none:1")
    info = running.run("j", "none", "true", container_settings=settings).execution_info
    failure = info.failure_info
    assert (failure.category, failure.code) == ("usererror", "ContainerInvalidImage")
    assert failure.message == "One or more container images specified are invalid"
    assert details(failure)["ContainerImage"] == "registry.invalid/none:1"
    assert details(failure)["Message"]


def test_an_image_for_another_processor_is_invalid(running: Emulator) -> None:
    info = running.run("j", "arm", "true", container_settings=inside(FOREIGN)).execution_info
    assert info.failure_info.code == "ContainerInvalidImage"
    assert "no matching manifest for linux/" in details(info.failure_info)["Message"]


def test_a_pool_pulls_its_images_before_its_nodes_are_idle(running: Emulator) -> None:
    for pool_id, image in (("has", PLAIN), ("lacks", "registry.invalid/none:1")):
        running.add_container_pool(pool_id, [image])
    until(lambda: [node.state for node in running.client.list_nodes("has")] == ["idle"])
    until(lambda: [node.state for node in running.client.list_nodes("lacks")] == ["unusable"])
    (node,) = running.client.list_nodes("lacks")
    assert node.errors[0].code == "ContainerInvalidImage"


def test_a_container_pool_refuses_a_task_without_settings_and_a_job_manager(
    running: Emulator,
) -> None:
    failure = running.run("j", "bare", "true").execution_info.failure_info
    told = (failure.category, failure.code, failure.message)
    assert told == ("usererror", "ContainerTaskSettingsNotFound", NO_SETTINGS)
    manager = models.BatchJobManagerTask(id="manager", command_line="true")
    running.add_job("managed", "p", job_manager_task=manager)
    failure = running.finished("managed", "manager").execution_info.failure_info
    assert failure.code == "ContainerTaskSettingsNotFound"


def test_preparation_and_release_run_on_the_host_of_a_container_pool(running: Emulator) -> None:
    running.add_job(
        "prepared",
        "p",
        job_preparation_task=models.BatchJobPreparationTask(command_line=shell("echo ready")),
        job_release_task=models.BatchJobReleaseTask(command_line=shell("echo over")),
    )
    settings = inside(container_run_options="--rm")
    script = shell("cat $AZ_BATCH_JOB_PREP_DIR/stdout.txt")
    running.run("prepared", "t", script, container_settings=settings)
    assert running.file("prepared", "t", "stdout.txt") == "ready\n"
    over = {"terminateReason": "over"}
    running.client.begin_terminate_job("prepared", over, polling_interval=0.02).wait()
    (status,) = until(lambda: _released(running))
    assert status.job_release_task_execution_info.result == "success"


def _released(running: Emulator) -> list[models.BatchJobPreparationAndReleaseTaskStatus]:
    found = list(running.client.list_job_preparation_and_release_task_status("prepared"))
    ended = [one.job_release_task_execution_info for one in found]
    return found if ended and all(one and one.state == "completed" for one in ended) else []


def test_a_pool_without_a_container_configuration_runs_no_container(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", "--container-engine", "none")
    emulator.add_pool("plain")
    emulator.add_job("j", "plain")
    info = emulator.run("j", "t", "true", container_settings=inside()).execution_info
    emulator.stop()
    failure = info.failure_info
    assert (failure.category, failure.code) == ("usererror", "ContainerPoolNotSupported")
    assert failure.message == "The specified pool does not support container tasks."


def test_without_an_engine_a_container_task_says_what_to_do(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", "--container-engine", "none")
    emulator.add_container_pool("p", [])
    emulator.add_job("j", "p")
    info = emulator.run("j", "t", "true", container_settings=inside()).execution_info
    emulator.stop()
    assert info.failure_info.code == "ContainerMiscError"
    assert "--container-engine none" in info.failure_info.details[0].value
