"""Files of a node's start task and of preparations, for as long as the node can serve them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.running import Emulator, shell
from tests.patience import until


def read(emulator: Emulator, pool: str, node: str, path: str, **more: str) -> str:
    return b"".join(emulator.client.download_node_file(pool, node, path, **more)).decode()


def told(call: Callable[[], object]) -> tuple[int, str]:
    """Return status and code of a refusal; the SDK does not read the body of a refused stream."""
    with pytest.raises(HttpResponseError) as refused:
        call()
    answer = refused.value.response
    answer.read()
    return answer.status_code, answer.json()["code"]


def refusal(emulator: Emulator, pool: str, node: str, path: str) -> tuple[int, str]:
    return told(lambda: read(emulator, pool, node, path))


def only_node(emulator: Emulator, pool: str) -> models.BatchNode:
    (node,) = emulator.client.list_nodes(pool)
    return node


def reach(emulator: Emulator, pool: str, state: str) -> str:
    """Wait until the only node of a pool has a state; return its id."""
    until(lambda: [one.state for one in emulator.client.list_nodes(pool)] == [state])
    return only_node(emulator, pool).id


def test_the_output_of_a_start_task_is_read_in_parts_while_it_runs(
    emulator: Emulator, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    script = f"echo out; echo trouble >&2; until [ -e {go} ]; do sleep 0.05; done; exit 3"
    start = models.BatchStartTask(command_line=shell(script), wait_for_success=True)
    emulator.add_pool("starts", start_task=start)
    node = reach(emulator, "starts", "waitingforstarttask")
    until(lambda: _written(emulator, node))
    part = read(emulator, "starts", node, "startup/stderr.txt", ocp_range="bytes=3-6")
    assert part == "uble"
    assert read(emulator, "starts", node, "startup/stderr.txt", ocp_range="bytes=-4") == "ble\n"
    go.touch()
    reach(emulator, "starts", "starttaskfailed")
    assert read(emulator, "starts", node, "startup/stdout.txt") == "out\n"
    found = {one.name for one in emulator.client.list_node_files("starts", node, recursive=True)}
    assert {"startup", "startup/stdout.txt", "startup/stderr.txt", "startup/wd"} <= found


def _written(emulator: Emulator, node: str) -> bool:
    try:
        found = emulator.client.get_node_file_properties("starts", node, "startup/stderr.txt")
    except HttpResponseError:
        return False
    return bool(found.content_length)


@pytest.mark.parametrize("name", ["jobpreparation", "ready"])
def test_the_output_of_a_preparation_lies_where_its_status_says(
    emulator: Emulator, name: str
) -> None:
    job = f"prepares-{name}"
    emulator.add_pool(job)
    own = {} if name == "jobpreparation" else {"id": name}
    preparation = models.BatchJobPreparationTask(
        command_line=shell("echo no >&2; exit 5"), wait_for_success=True, **own
    )
    emulator.add_job(job, job, job_preparation_task=preparation)
    emulator.add_task(job, "t", "true")
    info = until(lambda: _prepared(emulator, job))
    assert info.task_root_directory == f"workitems/{job}/job-1/{name}"
    node = only_node(emulator, job).id
    path = f"{info.task_root_directory}/stderr.txt"
    assert read(emulator, job, node, path) == "no\n"
    assert read(emulator, job, node, path, ocp_range="bytes=0-1") == "no"


def _prepared(emulator: Emulator, job: str) -> models.BatchJobPreparationTaskExecutionInfo | None:
    for status in emulator.client.list_job_preparation_and_release_task_status(job):
        info = status.job_preparation_task_execution_info
        if info is not None and info.state == "completed":
            return info
    return None


def test_what_is_gone_is_not_found(emulator: Emulator) -> None:
    emulator.add_pool("goes")
    node = reach(emulator, "goes", "idle")
    assert refusal(emulator, "goes", node, "startup/stdout.txt") == (404, "FileNotFound")
    options = models.BatchNodeRemoveOptions(node_ids=[node])
    emulator.client.begin_remove_nodes("goes", options, polling_interval=0.02).result()
    assert refusal(emulator, "goes", node, "startup/stdout.txt") == (404, "NodeNotFound")
    assert refusal(emulator, "went", node, "startup/stdout.txt") == (404, "PoolNotFound")


def test_an_unusable_node_serves_no_files(emulator: Emulator) -> None:
    rule = {"operation": "node_unusable", "match": "unusable/", "code": "ContainerInvalidImage"}
    emulator.admin("POST", "/_admin/faults", rule)
    emulator.add_pool("unusable")
    node = reach(emulator, "unusable", "unusable")
    path = "startup/stderr.txt"
    assert refusal(emulator, "unusable", node, path) == (409, "NodeStateUnusable")
    emulator.admin("DELETE", "/_admin/faults")


def test_a_node_that_is_taken_away_serves_no_files_of_its_tasks_either(tmp_path: Path) -> None:
    flags = ("--timing", "timed", "--timing-profile", "allocate=0,create=0,start=0,return=86400")
    emulator = Emulator(tmp_path / "data", *flags)
    emulator.add_pool("p", nodes=0, target_low_priority_nodes=1)
    emulator.add_job("j", "p")
    emulator.run("j", "t", "true")
    node = only_node(emulator, "p").id
    emulator.admin("POST", f"/_admin/nodes/p/{node}/preempt")
    assert refusal(emulator, "p", node, "workitems/j/job-1/t/stdout.txt") == (409, "NodeNotReady")
    download = emulator.client.download_task_file
    assert told(lambda: download("j", "t", "stdout.txt")) == (409, "NodeNotReady")
    assert emulator.stop() == 0
