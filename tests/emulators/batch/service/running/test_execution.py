"""What happens on nodes: processes, limits, trees, files, preparation, dependencies."""

from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.running import Emulator, alive, held, shell
from tests.patience import until


@pytest.fixture(scope="module")
def job(emulator: Emulator) -> str:
    emulator.add_pool("work", nodes=1, slots=8)
    return emulator.add_job("work", "work", uses_task_dependencies=True)


def limits(**values: object) -> models.BatchTaskConstraints:
    return models.BatchTaskConstraints(**values)


def test_a_task_runs_in_its_folder_with_the_services_variables_and_nothing_else(
    emulator: Emulator, job: str
) -> None:
    task = emulator.run(
        job,
        "env",
        "env",
        environment_settings=[models.EnvironmentSetting(name="MINE", value="a b")],
    )
    assert (task.execution_info.result, task.execution_info.exit_code) == ("success", 0)
    lines = dict(
        line.split("=", 1) for line in emulator.file(job, "env", "stdout.txt").splitlines()
    )
    assert (lines["MINE"], lines["AZ_BATCH_JOB_ID"], lines["AZ_BATCH_TASK_ID"]) == (
        "a b",
        job,
        "env",
    )
    assert lines["AZ_BATCH_TASK_WORKING_DIR"].endswith(f"workitems/{job}/job-1/env/wd")
    assert {name.removeprefix("AZ_BATCH_") for name in lines if name.startswith("AZ_BATCH_")} == {
        *("ACCOUNT_NAME", "ACCOUNT_URL", "POOL_ID", "NODE_ID", "NODE_IS_DEDICATED"),
        *("NODE_ROOT_DIR", "NODE_SHARED_DIR", "NODE_STARTUP_DIR", "NODE_MOUNTS_DIR"),
        *("JOB_ID", "TASK_ID", "TASK_DIR", "TASK_WORKING_DIR", "CERTIFICATES_DIR"),
        "TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES",
    }
    assert {name for name in lines if not name.startswith("AZ_BATCH_")} == {"PATH", "HOME", "MINE"}


def test_no_shell_stands_between_the_command_line_and_the_program(
    emulator: Emulator, job: str
) -> None:
    emulator.run(job, "plain", "echo $HOME '|' \"two words\" && false")
    assert emulator.file(job, "plain", "stdout.txt") == "$HOME | two words && false\n"


def test_a_missing_program_and_a_failing_one_are_told_apart(emulator: Emulator, job: str) -> None:
    missing = emulator.run(job, "missing", "no-such-program --flag")
    failing = emulator.run(job, "failing", shell("exit 7"))
    assert missing.execution_info.failure_info.code == "CommandProgramNotFound"
    assert (failing.execution_info.failure_info.code, failing.execution_info.exit_code) == (
        "FailureExitCode",
        7,
    )


def test_a_non_zero_exit_is_tried_again_as_often_as_allowed(emulator: Emulator, job: str) -> None:
    tries = "$AZ_BATCH_NODE_SHARED_DIR/tries"
    script = shell(f"echo x >> {tries}; test $(wc -l < {tries}) -ge 3")
    task = emulator.run(job, "stubborn", script, constraints=limits(max_task_retry_count=5))
    assert (task.execution_info.result, task.execution_info.retry_count) == ("success", 2)


def test_the_wall_clock_limit_kills_the_whole_tree_even_what_left_its_session(
    emulator: Emulator, job: str
) -> None:
    script = shell(
        "setsid sleep 300 & echo $! ; (setsid sh -c 'echo $$; exec sleep 300' &) ; sleep 300"
    )
    task = emulator.run(
        job, "slow", script, constraints=limits(max_wall_clock_time=timedelta(seconds=2))
    )
    info = task.execution_info
    assert (info.failure_info.category, info.failure_info.code) == ("servererror", "TaskEnded")
    assert info.exit_code == -1073741510
    pids = [int(line) for line in emulator.file(job, "slow", "stdout.txt").split()]
    assert len(pids) == 2
    until(lambda: not any(alive(pid) for pid in pids))


def test_what_a_task_leaves_behind_dies_with_it(emulator: Emulator, job: str) -> None:
    emulator.run(job, "litter", shell("setsid sleep 300 & echo $!"))
    pid = int(emulator.file(job, "litter", "stdout.txt"))
    until(lambda: not alive(pid))


def test_a_terminated_task_is_ended_by_its_user(emulator: Emulator, job: str) -> None:
    emulator.add_task(job, "ended", "sleep 300")
    until(lambda: emulator.client.get_task(job, "ended").state == "running")
    emulator.client.terminate_task(job, "ended")
    task = emulator.finished(job, "ended")
    assert task.execution_info.failure_info.code == "TaskEnded"
    emulator.client.reactivate_task(job, "ended")
    until(lambda: emulator.client.get_task(job, "ended").state == "running")
    emulator.client.delete_task(job, "ended")
    with pytest.raises(HttpResponseError):
        emulator.client.get_task(job, "ended")


def test_a_hundred_megabytes_of_output_go_to_the_file(emulator: Emulator, job: str) -> None:
    emulator.run(job, "loud", "head -c 100000000 /dev/zero")
    assert (
        emulator.client.get_task_file_properties(job, "loud", "stdout.txt").content_length
        == 100_000_000
    )


def test_files_of_tasks_and_nodes_can_be_listed_and_read_in_part(
    emulator: Emulator, job: str
) -> None:
    task = emulator.run(job, "files", shell("mkdir out; printf 0123456789 > out/a.txt"))
    names = [file.name for file in emulator.client.list_task_files(job, "files", recursive=True)]
    assert names[:2] == ["stdout.txt", "stderr.txt"]
    assert "wd/out/a.txt" in names
    part = emulator.client.download_task_file(job, "files", "wd/out/a.txt", ocp_range="bytes=2-4")
    assert b"".join(part) == b"234"
    node = emulator.client.list_node_files("work", task.node_info.node_id)
    assert {file.name for file in node} >= {"shared", "startup", "workitems"}
    with pytest.raises(HttpResponseError) as error:
        emulator.file(job, "files", "../../../../../../../etc/passwd")
    assert error.value.status_code == 404


def test_a_dependent_waits_and_a_failed_dependency_blocks(emulator: Emulator, job: str) -> None:
    on_bad = models.BatchTaskDependencies(task_ids=["bad"])
    span = models.BatchTaskDependencies(task_id_ranges=[models.BatchTaskIdRange(start=1, end=2)])
    emulator.add_task(job, "last", "true", depends_on=span)
    emulator.add_task(job, "blocked", "true", depends_on=on_bad)
    emulator.add_task(job, "1", "true")
    emulator.run(job, "bad", "false")
    assert emulator.client.get_task(job, "last").state == "active"
    emulator.add_task(job, "2", "true")
    emulator.finished(job, "last")
    assert emulator.client.get_task(job, "blocked").state == "active"


def test_preparation_runs_once_a_node_before_the_first_task(emulator: Emulator) -> None:
    emulator.add_pool("prepared", nodes=1, slots=4)
    job = emulator.add_job(
        "prepared",
        "prepared",
        job_preparation_task=models.BatchJobPreparationTask(
            command_line=shell("echo ready >> $AZ_BATCH_NODE_SHARED_DIR/prep"),
        ),
    )
    for number in range(4):
        emulator.add_task(
            job, str(number), shell("cat $AZ_BATCH_NODE_SHARED_DIR/prep; ls $AZ_BATCH_JOB_PREP_DIR")
        )
    for number in range(4):
        emulator.finished(job, str(number))
        assert emulator.file(job, str(number), "stdout.txt").splitlines()[0] == "ready"
    status = list(emulator.client.list_job_preparation_and_release_task_status(job))
    assert [one.job_preparation_task_execution_info.result for one in status] == ["success"]


def test_a_failed_preparation_bars_the_node_and_says_why(emulator: Emulator) -> None:
    emulator.add_pool("barred", nodes=1)
    preparation = models.BatchJobPreparationTask(command_line=shell("exit 3"))
    job = emulator.add_job("barred", "barred", job_preparation_task=preparation)
    emulator.add_task(job, "one", "true")
    info = until(lambda: _failed_preparation(emulator, job))
    assert info.exit_code == 3
    until(lambda: emulator.client.get_task(job, "one").state == "active")


def test_a_preparation_that_need_not_succeed_is_not_waited_for_and_runs_once(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.add_pool("hasty", nodes=1)
    gate = tmp_path / "gate"
    script = f"echo ran >> {tmp_path}/runs; until [ -e {gate} ]; do sleep 0.02; done; exit 3"
    preparation = models.BatchJobPreparationTask(command_line=shell(script), wait_for_success=False)
    job = emulator.add_job("hasty", "hasty", job_preparation_task=preparation)
    assert emulator.run(job, "meanwhile", "true").execution_info.exit_code == 0
    gate.touch()
    assert until(lambda: _failed_preparation(emulator, job)).exit_code == 3
    assert emulator.run(job, "afterwards", "true").execution_info.exit_code == 0
    assert (tmp_path / "runs").read_text() == "ran\n"


def test_preparation_and_start_task_know_what_the_documentation_gives_them(
    emulator: Emulator,
) -> None:
    start = models.BatchStartTask(command_line="env")
    emulator.add_pool("told", nodes=1, start_task=start)
    prepare = models.BatchJobPreparationTask(command_line="env")
    job = emulator.add_job("told", "told", job_preparation_task=prepare)
    node = emulator.run(job, "t", "env").node_info.node_id
    (status,) = emulator.client.list_job_preparation_and_release_task_status(job)
    info = status.job_preparation_task_execution_info
    assert info.task_root_directory_url == f"{status.node_url}/files/{info.task_root_directory}"

    def names(path: str) -> set[str]:
        out = b"".join(emulator.client.download_node_file("told", node, path)).decode()
        return {line.split("=")[0].removeprefix("AZ_BATCH_") for line in out.splitlines()}

    everywhere = {"TASK_DIR", "TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES", "CERTIFICATES_DIR"}
    in_start = names("startup/stdout.txt")
    assert everywhere <= in_start
    assert not {"JOB_ID", "TASK_ID", "JOB_PREP_DIR"} & in_start
    in_preparation = names(f"{info.task_root_directory}/stdout.txt")
    assert {*everywhere, "JOB_ID", "TASK_ID"} <= in_preparation
    assert "JOB_PREP_DIR" not in in_preparation
    assert "JOB_PREP_WORKING_DIR" in names(f"workitems/{job}/job-1/t/stdout.txt")


def _failed_preparation(emulator: Emulator, job: str):
    for one in emulator.client.list_job_preparation_and_release_task_status(job):
        if one.job_preparation_task_execution_info.result == "failure":
            return one.job_preparation_task_execution_info
    return None


def test_more_slots_than_are_free_wait_and_priority_decides(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.add_pool("ranked", nodes=1, slots=2)
    low = emulator.add_job("low", "ranked", priority=-10)
    high = emulator.add_job("high", "ranked", priority=10)
    emulator.add_task(low, "first", held(tmp_path / "go"), required_slots=2)
    emulator.add_task(low, "later", "true", required_slots=2)
    emulator.add_task(high, "sooner", "true", required_slots=2)
    (tmp_path / "go").touch()
    later, sooner = emulator.finished(low, "later"), emulator.finished(high, "sooner")
    assert sooner.execution_info.end_time <= later.execution_info.start_time


def test_a_preempted_node_gives_its_tasks_back_and_returns(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.add_pool("spot", nodes=1)
    job = emulator.add_job("spot", "spot")
    emulator.add_task(job, "one", held(tmp_path / "go"))
    running = until(lambda: _running(emulator, job))
    emulator.admin("POST", f"/_admin/nodes/spot/{running.node_info.node_id}/preempt", {})
    (tmp_path / "go").touch()
    task = emulator.finished(job, "one")
    assert (task.execution_info.result, task.execution_info.requeue_count) == ("success", 1)


def _running(emulator: Emulator, job: str) -> models.BatchTask | None:
    task = emulator.client.get_task(job, "one")
    return task if task.state == "running" else None


@pytest.mark.parametrize(
    ("order", "expected"),
    [(None, ["a0", "b0", "a1", "b1"]), ("creationtime", ["a0", "a1", "b0", "b1"])],
)
def test_equal_jobs_take_turns_or_go_by_age_as_the_pool_says(
    emulator: Emulator, order: str | None, expected: list[str]
) -> None:
    client, pool = emulator.client, f"order-{order}"
    policy = models.BatchTaskSchedulingPolicy(node_fill_type="spread", job_default_order=order)
    emulator.add_pool(pool, nodes=0, slots=1, task_scheduling_policy=policy)
    names = [(f"{pool}-{job}", f"{job}{number}") for job in "ab" for number in range(2)]
    for job in ("a", "b"):
        emulator.add_job(f"{pool}-{job}", pool)
    for job, task in names:
        emulator.add_task(job, task, "true")
    client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    started = {task: emulator.finished(job, task).execution_info.start_time for job, task in names}
    assert sorted(started, key=lambda task: started[task]) == expected


def test_a_task_runs_on_the_node_it_has_an_affinity_to_while_that_is_free(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.add_pool("near", nodes=3, slots=1)
    job = emulator.add_job("near", "near")
    wanted = emulator.run(job, "first", "true").node_info
    near = models.BatchAffinityInfo(affinity_id=wanted.affinity_id)
    for number in range(4):
        task = emulator.run(job, f"near-{number}", "true", affinity_info=near)
        assert task.node_info.node_id == wanted.node_id
    gate = tmp_path / "gate"
    emulator.add_task(job, "busy", held(gate), affinity_info=near)
    until(lambda: emulator.client.get_task(job, "busy").state == "running" or None)
    elsewhere = emulator.run(job, "elsewhere", "true", affinity_info=near)
    assert elsewhere.node_info.node_id != wanted.node_id
    gone = models.BatchAffinityInfo(affinity_id="TVM:gone")
    assert emulator.run(job, "gone", "true", affinity_info=gone).execution_info.exit_code == 0
    gate.touch()
