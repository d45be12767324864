"""A node that goes takes its start task, preparations and releases with it."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models

from tests.emulators.batch.raw import begin
from tests.emulators.batch.running import Emulator, alive, shell
from tests.patience import until

# Notes its own process and a child in another session; both run for long.
HANGS = "setsid sleep 300 & echo $! >> {0}.new; echo $$ >> {0}.new; mv {0}.new {0}; sleep 300; true"


def hangs(trace: Path) -> str:
    return shell(HANGS.format(trace))


def pids(trace: Path) -> list[int]:
    until(trace.exists)
    return [int(line) for line in trace.read_text().split()]


def gone(noted: list[int]) -> bool:
    return not any(alive(pid) for pid in noted)


def shrink(emulator: Emulator, pool: str) -> None:
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=0, target_low_priority_nodes=0)
    emulator.client.begin_resize_pool(pool, options, polling_interval=0.05).result()


def remove(emulator: Emulator, pool: str) -> None:
    nodes = [node.id for node in emulator.client.list_nodes(pool)]
    options = models.BatchNodeRemoveOptions(node_ids=nodes)
    emulator.client.begin_remove_nodes(pool, options, polling_interval=0.05).result()


def preempt(emulator: Emulator, pool: str) -> None:
    (node,) = emulator.client.list_nodes(pool)
    emulator.admin("POST", f"/_admin/nodes/{pool}/{node.id}/preempt")


def delete(emulator: Emulator, pool: str) -> None:
    emulator.client.begin_delete_pool(pool, polling_interval=0.05).result()


WAYS = pytest.mark.parametrize("leave", [shrink, remove, preempt, delete])


@WAYS
def test_a_start_task_dies_with_its_node(
    emulator: Emulator, tmp_path: Path, leave: Callable[[Emulator, str], None]
) -> None:
    name, trace = f"start-{leave.__name__}", tmp_path / "pids"
    start = models.BatchStartTask(command_line=hangs(trace), wait_for_success=True)
    emulator.add_pool(name, nodes=0, target_low_priority_nodes=1, start_task=start)
    noted = pids(trace)
    until(lambda: [node.state for node in emulator.client.list_nodes(name)])
    leave(emulator, name)
    until(lambda: gone(noted))
    if leave is not delete:
        emulator.client.begin_delete_pool(name, polling_interval=0.05).result()


@WAYS
def test_a_preparation_dies_with_its_node_and_its_task_waits_for_another(
    emulator: Emulator, tmp_path: Path, leave: Callable[[Emulator, str], None]
) -> None:
    name, trace = f"preparation-{leave.__name__}", tmp_path / "pids"
    emulator.add_pool(name, nodes=0, target_low_priority_nodes=1)
    preparation = models.BatchJobPreparationTask(command_line=hangs(trace))
    emulator.add_job(name, name, job_preparation_task=preparation)
    emulator.add_task(name, "t", "true")
    noted = pids(trace)
    leave(emulator, name)
    until(lambda: gone(noted))
    emulator.client.begin_delete_job(name, polling_interval=0.05).result()


@WAYS
def test_a_job_whose_release_is_cut_off_with_its_node_ends_all_the_same(
    emulator: Emulator, tmp_path: Path, leave: Callable[[Emulator, str], None]
) -> None:
    name, trace = f"release-{leave.__name__}", tmp_path / "pids"
    emulator.add_pool(name, nodes=0, target_low_priority_nodes=1)
    emulator.add_job(
        name,
        name,
        job_preparation_task=models.BatchJobPreparationTask(command_line="true"),
        job_release_task=models.BatchJobReleaseTask(command_line=hangs(trace)),
    )
    emulator.run(name, "t", "true")
    begin(emulator, "POST", f"/jobs/{name}/terminate")
    noted = pids(trace)
    leave(emulator, name)
    until(lambda: gone(noted))
    until(lambda: emulator.client.get_job(name).state == "completed")


def test_a_reboot_lets_a_release_end_first(emulator: Emulator, tmp_path: Path) -> None:
    trace, gate = tmp_path / "runs", tmp_path / "gate"
    emulator.add_pool("rebooted")
    emulator.add_job(
        "rebooted",
        "rebooted",
        job_preparation_task=models.BatchJobPreparationTask(command_line="true"),
        job_release_task=models.BatchJobReleaseTask(
            command_line=shell(
                f"echo begun >> {trace}; until [ -e {gate} ]; do sleep 0.05; done; "
                f"echo ended >> {trace}"
            )
        ),
    )
    emulator.run("rebooted", "t", "true")
    begin(emulator, "POST", "/jobs/rebooted/terminate")
    until(trace.exists)
    (node,) = emulator.client.list_nodes("rebooted")
    emulator.client.begin_reboot_node("rebooted", node.id, {"nodeRebootOption": "requeue"})
    assert emulator.client.get_node("rebooted", node.id).state == "rebooting"
    gate.touch()
    until(lambda: emulator.client.get_node("rebooted", node.id).state == "idle")
    until(lambda: emulator.client.get_job("rebooted").state == "completed")
    assert trace.read_text().split() == ["begun", "ended"]


def test_a_node_that_need_not_wait_for_its_start_task_takes_tasks_while_it_runs(
    emulator: Emulator, tmp_path: Path
) -> None:
    trace = tmp_path / "pids"
    start = models.BatchStartTask(command_line=hangs(trace), wait_for_success=False)
    emulator.add_pool("unwaited", start_task=start)
    noted = pids(trace)
    emulator.add_job("unwaited", "unwaited")
    assert emulator.run("unwaited", "t", "true").execution_info.exit_code == 0
    (node,) = emulator.client.list_nodes("unwaited")
    assert node.start_task_info.state == "running"
    emulator.client.begin_reboot_node(
        "unwaited", node.id, {"nodeRebootOption": "requeue"}, polling_interval=0.05
    ).result()
    until(lambda: gone(noted))
    shrink(emulator, "unwaited")


def test_a_start_task_that_is_tried_again_tells_when(emulator: Emulator, tmp_path: Path) -> None:
    once = shell(f"[ -e {tmp_path}/tried ] || {{ touch {tmp_path}/tried; exit 3; }}")
    start = models.BatchStartTask(command_line=once, wait_for_success=True, max_task_retry_count=1)
    emulator.add_pool("again", start_task=start)
    until(lambda: [node.state for node in emulator.client.list_nodes("again")] == ["idle"])
    (node,) = emulator.client.list_nodes("again")
    info = node.start_task_info
    assert (info.retry_count, info.exit_code, info.result) == (1, 0, "success")
    assert info.last_retry_time - info.start_time < timedelta(seconds=1)


def test_a_start_task_whose_agent_is_killed_runs_again(tmp_path: Path) -> None:
    emulator, trace = Emulator(tmp_path / "data"), tmp_path / "runs"
    start = models.BatchStartTask(
        command_line=shell(f"echo run >> {trace}; [ $(wc -l < {trace}) -gt 1 ] || sleep 300; true"),
        wait_for_success=True,
    )
    emulator.add_pool("p", start_task=start)
    until(trace.exists)
    pid = emulator.process.pid
    (agent,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(agent), signal.SIGKILL)
    until(lambda: [node.state for node in emulator.client.list_nodes("p")] == ["idle"])
    assert emulator.stop() == 0
