"""However a container task ends, nothing of it stays."""

import signal
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models

from emulators.batch.containers.engine import Engine
from emulators.batch.containers.runtime import owner_label
from tests.emulators.batch.containers.images import PLAIN
from tests.emulators.batch.containers.tasks import containers_of, has_said, inside
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until

DEAF = shell("trap '' TERM INT; echo on; while :; do sleep 300; done")


def begin(emulator: Emulator, task_id: str) -> None:
    """Start a program that ignores polite signals."""
    settings = inside(container_run_options="--rm")
    emulator.add_task("j", task_id, DEAF, container_settings=settings)
    until(lambda: has_said(emulator, task_id, "on"))


def own(engine: Engine, tmp_path: Path) -> Emulator:
    emulator = Emulator(tmp_path / "data", "--container-engine", engine.name)
    emulator.add_container_pool("p", [])
    emulator.add_job("j", "p")
    return emulator


def test_the_time_limit_ends_the_container(running: Emulator, engine: Engine) -> None:
    limit = models.BatchTaskConstraints(max_wall_clock_time=timedelta(seconds=3))
    slow = running.run("j", "slow", DEAF, container_settings=inside(), constraints=limit)
    info = slow.execution_info
    assert (info.failure_info.category, info.failure_info.code) == ("servererror", "TaskEnded")
    assert info.exit_code == -1073741510
    assert (len(info.container_info.container_id), info.container_info.state) == (64, "exited")
    assert containers_of(engine, running) == []


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("terminated", lambda client, task: client.terminate_task("j", task)),
        ("deleted", lambda client, task: client.delete_task("j", task)),
    ],
)
def test_the_end_of_a_task_ends_its_container(
    running: Emulator, engine: Engine, name: str, end: Callable[..., None]
) -> None:
    begin(running, name)
    assert containers_of(engine, running)
    end(running.client, name)
    until(lambda: containers_of(engine, running) == [])


def test_the_deletion_of_a_job_ends_its_containers(engine: Engine, tmp_path: Path) -> None:
    emulator = own(engine, tmp_path)
    begin(emulator, "one")
    begin(emulator, "two")
    emulator.client.begin_delete_job("j", polling_interval=0).result()
    assert containers_of(engine, emulator) == []
    assert emulator.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_container_outlives_the_emulator(
    engine: Engine, tmp_path: Path, number: signal.Signals
) -> None:
    emulator = own(engine, tmp_path)
    begin(emulator, "one")
    begin(emulator, "two")
    emulator.stop(number)
    until(lambda: containers_of(engine, emulator) == [])


def test_a_container_that_an_agent_left_is_removed_at_the_next_start(
    engine: Engine, tmp_path: Path
) -> None:
    emulator = own(engine, tmp_path)
    emulator.run("j", "t", shell("true"), container_settings=inside())
    emulator.stop(signal.SIGKILL)
    label = owner_label(emulator.data.resolve())
    command = [engine.path, "create", *engine.flags, "--label", label, "--label", "fanfare.run=x"]
    subprocess.run([*command, PLAIN, "sleep", "300"], check=True, capture_output=True)
    assert containers_of(engine, emulator)
    emulator.start()
    assert containers_of(engine, emulator) == []
    emulator.stop()
