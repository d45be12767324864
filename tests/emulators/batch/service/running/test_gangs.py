"""Job managers and multi-instance tasks: who runs where, with whom, and what their end means."""

from pathlib import Path

import pytest
from azure.batch import models

from tests.emulators.batch.running import Emulator, alive, held, shell
from tests.patience import until


def manager(command: str, **more: object) -> models.BatchJobManagerTask:
    return models.BatchJobManagerTask(id="manager", command_line=command, **more)


def completed(emulator: Emulator, job: str) -> models.BatchJob | None:
    found = emulator.client.get_job(job)
    return found if found.state == "completed" else None


def instances(number: int, coordination: str, **more: object) -> models.MultiInstanceSettings:
    return models.MultiInstanceSettings(
        number_of_instances=number, coordination_command_line=coordination, **more
    )


def add_gang_pool(emulator: Emulator, name: str, nodes: int) -> str:
    emulator.add_pool(name, nodes=nodes, slots=1, enable_inter_node_communication=True)
    return emulator.add_job(name, name)


def test_a_job_manager_runs_as_a_task_and_its_end_is_the_jobs(emulator: Emulator) -> None:
    emulator.add_pool("managed")
    emulator.add_job("managed", "managed", job_manager_task=manager(shell("echo $AZ_BATCH_JOB_ID")))
    task = emulator.finished("managed", "manager")
    assert task.execution_info.exit_code == 0
    assert emulator.file("managed", "manager", "stdout.txt") == "managed\n"
    job = until(lambda: completed(emulator, "managed"))
    assert job.execution_info.termination_reason == "JMComplete"


def test_a_job_outlives_a_manager_that_is_not_to_kill_it(emulator: Emulator) -> None:
    emulator.add_pool("outlived")
    kept = manager("true", kill_job_on_completion=False)
    emulator.add_job("outlived", "outlived", job_manager_task=kept)
    emulator.finished("outlived", "manager")
    assert emulator.client.get_job("outlived").state == "active"
    assert emulator.run("outlived", "t", "true").execution_info.exit_code == 0


@pytest.mark.parametrize(("exclusive", "other"), [(True, "active"), (False, "completed")])
def test_an_exclusive_manager_has_its_node_for_itself(
    emulator: Emulator, tmp_path: Path, exclusive: bool, other: str
) -> None:
    name, go = f"exclusive-{exclusive}", tmp_path / "go"
    emulator.add_pool(name, slots=4)
    waits = manager(shell(f"until [ -e {go} ]; do sleep 0.02; done"), run_exclusive=exclusive)
    emulator.add_job(name, name, job_manager_task=waits)
    until(lambda: emulator.client.get_task(name, "manager").state == "running")
    emulator.add_task(name, "other", "true")
    if not exclusive:
        emulator.finished(name, "other")
    assert emulator.client.get_task(name, "other").state == other
    go.touch()
    until(lambda: completed(emulator, name))


def test_a_manager_that_shuns_spot_nodes_waits_for_a_dedicated_one(emulator: Emulator) -> None:
    emulator.add_pool("shunned", nodes=0, target_low_priority_nodes=1)
    until(lambda: [node.state for node in emulator.client.list_nodes("shunned")] == ["idle"])
    careful = manager("true", allow_low_priority_node=False, kill_job_on_completion=False)
    emulator.add_job("shunned", "shunned", job_manager_task=careful)
    emulator.run("shunned", "t", "true")
    assert emulator.client.get_task("shunned", "manager").state == "active"
    grow = models.BatchPoolResizeOptions(target_dedicated_nodes=1)
    emulator.client.begin_resize_pool("shunned", grow)
    assert emulator.finished("shunned", "manager").execution_info.exit_code == 0


def test_a_multi_instance_task_coordinates_its_nodes_and_then_runs_on_the_primary(
    emulator: Emulator, tmp_path: Path
) -> None:
    job = add_gang_pool(emulator, "gang", 3)
    marks = models.EnvironmentSetting(name="MARKS", value=str(tmp_path))
    coordination = shell('echo "$AZ_BATCH_IS_CURRENT_NODE_MASTER" > "$MARKS/$AZ_BATCH_NODE_ID"')
    task = emulator.run(
        job,
        "mpi",
        shell('ls "$MARKS" | wc -l; echo "$AZ_BATCH_HOST_LIST"; ls "$AZ_BATCH_TASK_SHARED_DIR"'),
        environment_settings=[marks],
        multi_instance_settings=instances(3, coordination),
    )
    assert task.execution_info.exit_code == 0
    lines = emulator.file(job, "mpi", "stdout.txt").splitlines()
    assert lines[0] == "3"
    assert len(set(lines[1].split(","))) == 3
    assert sorted(mark.read_text().strip() for mark in tmp_path.iterdir()) == [
        "false",
        "false",
        "true",
    ]
    subtasks = list(emulator.client.list_subtasks(job, "mpi"))
    assert [(one.id, one.state, one.exit_code) for one in subtasks] == [
        (1, "completed", 0),
        (2, "completed", 0),
    ]
    nodes = {one.node_info.node_id for one in subtasks} | {task.node_info.node_id}
    assert len(nodes) == 3
    for one in subtasks:
        root = one.node_info.task_root_directory
        assert one.node_info.task_root_directory_url == f"{one.node_info.node_url}/files/{root}"
        logs = emulator.client.list_node_files(
            one.node_info.pool_id,
            one.node_info.node_id,
            recursive=True,
            filter=f"startswith(name,'{root}')",
        )
        assert f"{root}/stdout.txt" in {log.name for log in logs}


def test_one_failing_instance_fails_the_task_and_its_retries_begin_on_all_nodes(
    emulator: Emulator, tmp_path: Path
) -> None:
    job = add_gang_pool(emulator, "gang-fails", 2)
    coordination = shell(
        # The failing one waits for the other's mark of this attempt.
        f"touch {tmp_path}/$AZ_BATCH_NODE_ID.$$; "
        '[ "$AZ_BATCH_IS_CURRENT_NODE_MASTER" = true ] && exit 0; '
        f"until [ $(( $(ls {tmp_path} | wc -l) % 2 )) = 0 ]; do sleep 0.02; done; exit 1"
    )
    task = emulator.run(
        job,
        "mpi",
        "true",
        constraints=models.BatchTaskConstraints(max_task_retry_count=1),
        multi_instance_settings=instances(2, coordination),
    )
    assert task.execution_info.result == "failure"
    assert task.execution_info.retry_count == 1
    assert len(list(tmp_path.iterdir())) == 4
    (subtask,) = emulator.client.list_subtasks(job, "mpi")
    assert (subtask.exit_code, subtask.result) == (1, "failure")


def test_what_a_coordination_command_leaves_running_lives_as_long_as_the_task(
    emulator: Emulator, tmp_path: Path
) -> None:
    job = add_gang_pool(emulator, "daemons", 2)
    coordination = shell(
        f"setsid sleep 300 & echo $! > {tmp_path}/$AZ_BATCH_NODE_ID.a; "
        f"sleep 300 & echo $! > {tmp_path}/$AZ_BATCH_NODE_ID.b"
    )
    gang = instances(2, coordination)
    emulator.add_task(job, "mpi", held(tmp_path / "go"), multi_instance_settings=gang)
    until(lambda: len(list(tmp_path.glob("*.[ab]"))) == 4 or None)
    until(lambda: [one.state for one in emulator.client.list_subtasks(job, "mpi")] == ["completed"])
    # Other processes that end on this machine must not disturb the multi-instance task.
    emulator.add_pool("elsewhere")
    emulator.run(emulator.add_job("elsewhere", "elsewhere"), "t", "true")
    pids = [int(file.read_text()) for file in tmp_path.glob("*.[ab]")]
    assert all(alive(pid) for pid in pids)
    (tmp_path / "go").touch()
    assert emulator.finished(job, "mpi").execution_info.exit_code == 0
    until(lambda: not any(alive(pid) for pid in pids))


def test_a_coordination_command_that_fails_ends_the_others(
    emulator: Emulator, tmp_path: Path
) -> None:
    job = add_gang_pool(emulator, "broken-off", 2)
    coordination = shell(
        f"if $AZ_BATCH_IS_CURRENT_NODE_MASTER; then echo $$ > {tmp_path}/pid; sleep 300; "
        f"else until [ -s {tmp_path}/pid ]; do sleep 0.02; done; exit 3; fi"
    )
    gang = instances(2, coordination)
    task = emulator.run(job, "mpi", "true", multi_instance_settings=gang)
    assert task.execution_info.exit_code == 3
    assert not alive(int((tmp_path / "pid").read_text()))


def test_a_deleted_gang_leaves_no_folder_on_any_node(emulator: Emulator) -> None:
    job = add_gang_pool(emulator, "folders", 2)
    gang = instances(2, "true")
    emulator.run(job, "mpi", "true", multi_instance_settings=gang)
    folders = f"nodes/*/workitems/{job}/job-1/mpi*"
    assert len(list(emulator.data.glob(folders))) == 3
    emulator.client.delete_task(job, "mpi")
    until(lambda: not list(emulator.data.glob(folders)))


def test_a_gang_waits_for_enough_nodes_and_lets_others_pass(emulator: Emulator) -> None:
    job = add_gang_pool(emulator, "gang-waits", 1)
    emulator.add_task(job, "mpi", "true", multi_instance_settings=instances(2, "true"))
    assert emulator.run(job, "small", "true").execution_info.exit_code == 0
    assert emulator.client.get_task(job, "mpi").state == "active"
    grow = models.BatchPoolResizeOptions(target_dedicated_nodes=2)
    emulator.client.begin_resize_pool("gang-waits", grow)
    assert emulator.finished(job, "mpi").execution_info.exit_code == 0


def test_without_inter_node_communication_a_gang_is_never_scheduled(emulator: Emulator) -> None:
    emulator.add_pool("no-gangs", nodes=2, slots=1)
    job = emulator.add_job("no-gangs", "no-gangs")
    emulator.add_task(job, "mpi", "true", multi_instance_settings=instances(2, "true"))
    emulator.run(job, "small", "true")
    assert emulator.client.get_task(job, "mpi").state == "active"


def test_ending_a_gang_frees_all_its_nodes(emulator: Emulator) -> None:
    job = add_gang_pool(emulator, "gang-ends", 2)
    hangs = instances(2, "sleep 1000")
    emulator.add_task(job, "mpi", "true", multi_instance_settings=hangs)
    until(lambda: emulator.client.get_task(job, "mpi").state == "running")
    emulator.client.terminate_task(job, "mpi")
    assert emulator.finished(job, "mpi").execution_info.failure_info.code == "TaskEnded"
    emulator.add_task(job, "again", "true", multi_instance_settings=instances(2, "true"))
    assert emulator.finished(job, "again").execution_info.exit_code == 0


def test_a_gang_of_one_coordinates_itself(emulator: Emulator) -> None:
    job = add_gang_pool(emulator, "gang-of-one", 1)
    alone = instances(1, shell("echo ready > note"))
    command = shell('cat "$AZ_BATCH_TASK_SHARED_DIR/note"')
    emulator.run(job, "mpi", command, multi_instance_settings=alone)
    assert emulator.file(job, "mpi", "stdout.txt") == "ready\n"
    assert list(emulator.client.list_subtasks(job, "mpi")) == []


def test_every_node_of_a_gang_is_prepared_before_it_coordinates(emulator: Emulator) -> None:
    emulator.add_pool("drilled", nodes=2, slots=1, enable_inter_node_communication=True)
    drill = models.BatchJobPreparationTask(
        command_line=shell("sleep 0.2; touch $AZ_BATCH_NODE_SHARED_DIR/drilled")
    )
    emulator.add_job("drilled", "drilled", job_preparation_task=drill)
    gang = instances(2, shell("ls $AZ_BATCH_NODE_SHARED_DIR/drilled"))
    task = emulator.run("drilled", "gang", "true", multi_instance_settings=gang)
    assert task.execution_info.exit_code == 0
    status = emulator.client.list_job_preparation_and_release_task_status("drilled")
    assert [one.job_preparation_task_execution_info.result for one in status] == ["success"] * 2


def test_active_tasks_of_a_formula_count_instances_whose_task_could_start(
    emulator: Emulator,
) -> None:
    sum_up = "a = $ActiveTasks.GetSample(1); p = $PendingTasks.GetSample(1);"
    scaled = {"auto_scale_formula": "$TargetDedicatedNodes = 0;"}
    emulator.add_pool("summed", slots=1, enable_inter_node_communication=True, **scaled)
    emulator.add_job("summed", "summed", uses_task_dependencies=True)
    gang = instances(3, "true")
    emulator.add_task("summed", "plain", "true")
    emulator.add_task("summed", "gang", "true", multi_instance_settings=gang)
    emulator.add_task("summed", "ended", "true", multi_instance_settings=gang)
    emulator.client.terminate_task("summed", "ended")
    after = models.BatchTaskDependencies(task_ids=["plain"])
    emulator.add_task("summed", "held", "true", multi_instance_settings=gang, depends_on=after)
    formula = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula=sum_up)
    results = emulator.client.evaluate_pool_auto_scale("summed", formula).results
    assert results.endswith(";a=[4];p=[4]")


def test_a_pool_that_shrinks_keeps_the_node_of_a_job_manager_longest(
    emulator: Emulator, tmp_path: Path
) -> None:
    pool, gate = emulator.add_pool("shrinking", nodes=2, slots=4), tmp_path / "gate"
    small = manager(held(gate), run_exclusive=False)
    emulator.add_job("shrinking", pool, job_manager_task=small)
    until(lambda: emulator.client.get_task("shrinking", "manager").state == "running" or None)
    home = emulator.client.get_task("shrinking", "manager").node_info.node_id
    emulator.add_task("shrinking", "large", held(gate), required_slots=4)
    until(lambda: emulator.client.get_task("shrinking", "large").state == "running" or None)
    emulator.client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    until(lambda: len(list(emulator.client.list_nodes(pool))) == 1 or None)
    assert [node.id for node in emulator.client.list_nodes(pool)] == [home]
    assert emulator.client.get_task("shrinking", "manager").execution_info.requeue_count == 0
    gate.touch()
    until(lambda: completed(emulator, "shrinking"))


def test_a_node_shows_recent_tasks_only_once_it_has_any(emulator: Emulator) -> None:
    pool = emulator.add_pool("recent")
    job = emulator.add_job("recent", pool)
    (node,) = until(lambda: list(emulator.client.list_nodes(pool)))
    assert "recentTasks" not in node
    emulator.run(job, "t", "true")
    (recent,) = emulator.client.get_node(pool, node.id).recent_tasks
    assert (recent.task_id, recent.task_state, recent.execution_info.exit_code) == (
        "t",
        "completed",
        0,
    )
