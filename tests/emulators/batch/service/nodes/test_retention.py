"""Files of tasks, kept for their time and not longer."""

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.raw import begin
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until

# A week has twenty thousand samples of each pool, at each of which the clock would stop.
RARE_SAMPLES = ("--autoscale-interval-scale", "1000")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("retention"), *RARE_SAMPLES)
    yield running
    assert running.stop() == 0


def add_done_task(emulator: Emulator, name: str, **limits: timedelta) -> str:
    emulator.add_pool(name)
    emulator.add_job(name, name)
    constraints = models.BatchTaskConstraints(**limits)
    task = emulator.run(name, "t", shell("echo text"), constraints=constraints)
    return task.node_info.node_id


def directory(emulator: Emulator, name: str) -> Path | None:
    return next(emulator.data.glob(f"nodes/*/workitems/{name}/job-1/t"), None)


def test_files_are_there_until_their_time_has_passed_and_are_called_cleaned_up_then(
    emulator: Emulator,
) -> None:
    add_done_task(emulator, "kept", retention_time=timedelta(hours=1))
    emulator.admin("POST", "/_admin/clock", {"seconds": 3500})
    assert emulator.file("kept", "t", "stdout.txt") == "text\n"
    emulator.admin("POST", "/_admin/clock", {"seconds": 101})
    with pytest.raises(HttpResponseError) as refused:
        list(emulator.client.list_task_files("kept", "t"))
    assert refused.value.error.code == "TaskFilesCleanedup"
    until(lambda: directory(emulator, "kept") is None)


def test_the_time_of_a_deleted_task_is_not_that_of_the_next_one_of_its_id(
    emulator: Emulator,
) -> None:
    add_done_task(emulator, "again", retention_time=timedelta(hours=1))
    emulator.client.delete_task("again", "t")
    emulator.run("again", "t", shell("echo new"))
    emulator.admin("POST", "/_admin/clock", {"seconds": 3601})
    emulator.run("again", "later", "true")
    assert emulator.file("again", "t", "stdout.txt") == "new\n"


def test_a_task_that_ran_again_does_not_lengthen_the_time_of_the_others(
    emulator: Emulator,
) -> None:
    emulator.add_pool("order")
    job = emulator.add_job("order", "order")
    hour = models.BatchTaskConstraints(retention_time=timedelta(hours=1))
    emulator.run(job, "twice", "false", constraints=hour)
    emulator.run(job, "t", shell("echo text"), constraints=hour)
    emulator.admin("POST", "/_admin/clock", {"seconds": 1800})
    emulator.client.reactivate_task(job, "twice")
    emulator.finished(job, "twice")
    emulator.admin("POST", "/_admin/clock", {"seconds": 1810})
    until(lambda: directory(emulator, "order") is None)


def test_without_a_word_files_are_kept_a_week(emulator: Emulator) -> None:
    add_done_task(emulator, "week")
    emulator.admin("POST", "/_admin/clock", {"seconds": 6 * 86400})
    assert directory(emulator, "week") is not None
    emulator.admin("POST", "/_admin/clock", {"seconds": 86401})
    until(lambda: directory(emulator, "week") is None)


def test_a_kill_forgets_no_retention(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path)
    add_done_task(emulator, "killed", retention_time=timedelta(hours=1))
    emulator.stop(signal.SIGKILL)
    emulator.start()
    assert directory(emulator, "killed") is not None
    emulator.admin("POST", "/_admin/clock", {"seconds": 3601})
    until(lambda: directory(emulator, "killed") is None)
    emulator.stop()


def test_files_that_are_kept_for_ever_trouble_neither_the_task_nor_a_restart(
    tmp_path: Path,
) -> None:
    emulator = Emulator(tmp_path)
    emulator.add_pool("ever")
    emulator.add_job("ever", "ever")
    constraints = {"retentionTime": "P10675199DT2H48M5.4775807S"}
    task = {"id": "t", "commandLine": "/bin/echo text", "constraints": constraints}
    emulator.client.create_task("ever", task)
    assert emulator.finished("ever", "t").execution_info.result == "success"
    assert emulator.file("ever", "t", "stdout.txt") == "text\n"
    emulator.stop(signal.SIGKILL)
    emulator.start()
    assert directory(emulator, "ever") is not None
    emulator.stop()


@pytest.mark.parametrize("killed", [False, True])
def test_files_of_preparation_and_release_have_a_time_of_their_own(
    tmp_path: Path, killed: bool
) -> None:
    emulator = Emulator(tmp_path, "--clock-speed", "0", *RARE_SAMPLES)
    emulator.add_pool("p")
    preparation = models.BatchJobPreparationTask(
        command_line="true",
        constraints=models.BatchTaskConstraints(retention_time=timedelta(hours=1)),
    )
    release = models.BatchJobReleaseTask(command_line="true", retention_time=timedelta(hours=3))
    emulator.add_job("j", "p", job_preparation_task=preparation, job_release_task=release)
    emulator.run("j", "t", "true")
    begin(emulator, "POST", "/jobs/j/terminate")
    until(lambda: emulator.client.get_job("j").state == "completed")
    if killed:
        emulator.stop(signal.SIGKILL)
        emulator.start()
    assert job_folders(emulator) == {"jobpreparation", "jobrelease", "t"}
    emulator.admin("POST", "/_admin/clock", {"seconds": 3000})
    assert job_folders(emulator) == {"jobpreparation", "jobrelease", "t"}
    emulator.admin("POST", "/_admin/clock", {"seconds": 601})
    until(lambda: job_folders(emulator) == {"jobrelease", "t"})
    emulator.admin("POST", "/_admin/clock", {"seconds": 7200})
    until(lambda: job_folders(emulator) == {"t"})
    emulator.admin("POST", "/_admin/clock", {"seconds": 7 * 86400})
    until(lambda: job_folders(emulator) == set())
    assert emulator.stop() == 0


def job_folders(emulator: Emulator) -> set[str]:
    return {folder.name for folder in emulator.data.glob("nodes/*/workitems/j/job-1/*")}
