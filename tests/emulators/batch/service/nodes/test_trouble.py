"""Nodes that fail on demand: start task, image, and preemption by the cloud."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import models

from emulators.batch.faults import Faults
from tests.emulators.batch.running import Emulator, held, shell
from tests.emulators.batch.service.pools.autoscaling import pass_time
from tests.patience import until

# Once a machine is taken, the pool looks for another after an hour of the emulated clock.
PHASES = "allocate=0,create=0,start=0,leave=0,delete=0,settle=0,return=3600"
FLAGS = ("--timing", "timed", "--timing-profile", PHASES)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Start an emulator whose machinery takes no time, but for the return of a machine."""
    started = Emulator(tmp_path_factory.mktemp("trouble"), *FLAGS)
    yield started
    assert started.stop() == 0


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    running.admin("POST", "/_admin/reset")
    return running


def fail(emulator: Emulator, operation: str, **rule: object) -> None:
    emulator.admin("POST", "/_admin/faults", {"operation": operation, **rule})


def only_node(emulator: Emulator) -> models.BatchNode:
    (node,) = emulator.client.list_nodes("p")
    return node


def reach(emulator: Emulator, state: str) -> models.BatchNode:
    """Wait until the only node of the pool has a state."""

    def there() -> models.BatchNode | None:
        nodes = list(emulator.client.list_nodes("p"))
        return nodes[0] if [node.state for node in nodes] == [state] else None

    return until(there)


@pytest.mark.parametrize(
    ("code", "exit_code", "shown"),
    [("", 1, "FailureExitCode"), ("BlobAccessDenied", None, "BlobAccessDenied")],
)
def test_a_start_task_fails_on_demand_after_it_has_run(
    emulator: Emulator, code: str, exit_code: int | None, shown: str
) -> None:
    fail(emulator, "start_task", match="p/", code=code)
    start = models.BatchStartTask(command_line=shell("echo hello"), wait_for_success=True)
    emulator.add_pool("p", start_task=start)
    node = reach(emulator, "starttaskfailed")
    info = node.start_task_info
    assert (info.result, info.exit_code, info.failure_info.code) == ("failure", exit_code, shown)
    assert not node.errors
    content = emulator.client.download_node_file("p", node.id, "startup/stdout.txt")
    assert b"".join(content) == b"hello\n"


def test_an_image_cannot_be_pulled_on_demand(emulator: Emulator) -> None:
    fail(emulator, "node_unusable", match="p/", code="ContainerInvalidImage")
    emulator.add_pool("p")
    node = reach(emulator, "unusable")
    (error,) = node.errors
    assert error.code == "ContainerInvalidImage"
    assert error.message == "The container image is invalid or cannot be pulled"
    assert emulator.client.get_pool("p").allocation_state == "steady"


def test_a_node_that_batch_cannot_reach_is_unusable_without_an_error(emulator: Emulator) -> None:
    fail(emulator, "node_unusable", match="p/")
    emulator.add_pool("p")
    assert not reach(emulator, "unusable").errors


def take_away(emulator: Emulator, go: Path, **rule: object) -> None:
    """Preempt the spot node of a pool while it runs a task."""
    start = models.BatchStartTask(command_line=shell("true"), wait_for_success=True)
    emulator.add_pool("p", nodes=0, target_low_priority_nodes=1, start_task=start)
    emulator.add_job("j", "p")
    emulator.add_task("j", "t", held(go))
    until(lambda: emulator.client.get_task("j", "t").state == "running")
    fail(emulator, "preemption", **rule)
    node = only_node(emulator)
    emulator.admin("POST", f"/_admin/nodes/p/{node.id}/preempt")


def test_a_preempted_node_may_be_unusable_first_and_comes_back(
    emulator: Emulator, tmp_path: Path
) -> None:
    take_away(emulator, tmp_path / "go", match="p/", delay_s=600)
    node = only_node(emulator)
    assert (node.state, node.errors, node.is_dedicated) == ("unusable", None, False)
    assert node.start_task_info.result == "success"
    task = until(lambda: _active(emulator))
    assert task.execution_info.requeue_count == 1
    pass_time(emulator, seconds=600)
    assert only_node(emulator).state == "preempted"
    (tmp_path / "go").touch()
    pass_time(emulator, seconds=3600)
    assert emulator.finished("j", "t").execution_info.exit_code == 0
    assert only_node(emulator).id == node.id


def test_a_node_that_is_unusable_before_its_preemption_may_leave_its_pool(
    emulator: Emulator, tmp_path: Path
) -> None:
    take_away(emulator, tmp_path / "go", delay_s=600)
    options = models.BatchPoolResizeOptions(target_low_priority_nodes=0)
    emulator.client.begin_resize_pool("p", options, polling_interval=0.02).result()
    pass_time(emulator, seconds=600)
    assert not list(emulator.client.list_nodes("p"))


def test_a_kill_before_the_preemption_delays_it_no_further(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", *FLAGS)
    take_away(emulator, tmp_path / "go", delay_s=3600)
    assert only_node(emulator).state == "unusable"
    emulator.stop(signal.SIGKILL)
    emulator.start()
    reach(emulator, "preempted")
    assert emulator.stop() == 0


def test_the_awkward_profile_draws_which_preempted_nodes_are_unusable_first() -> None:
    faults = Faults("awkward", 1)
    struck = [faults.strike("preemption", f"p/{number}") is not None for number in range(100)]
    assert 20 < sum(struck) < 80


def _active(emulator: Emulator) -> models.BatchTask | None:
    task = emulator.client.get_task("j", "t")
    return task if task.state == "active" else None
