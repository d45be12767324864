"""What `$expand=stats` shows: only what is known."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import models

from emulators.batch.document import parse_duration, written_duration
from emulators.batch.model.statistics import (
    statistics_of_jobs,
    statistics_of_pool,
    statistics_of_task,
)
from emulators.batch.model.task import Task
from emulators.batch.model.usage import Usage
from emulators.batch.service.machines.simulated import simulated_task
from emulators.batch.simulation.world import Simulation
from emulators.batch.timing import read_profile
from tests.emulators.batch.raw import send
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until

PROFILE = read_profile("allocate=0,create=20,start=25,leave=0")
BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
BUSY = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "PT0S"),
        (0.25, "PT0.25S"),
        (90, "PT1M30S"),
        (3600, "PT1H"),
        (86400, "P1D"),
        (93784.5, "P1DT2H3M4.5S"),
        (59.999999, "PT59.999999S"),
    ],
)
def test_a_length_of_time_is_written_as_it_is_read(seconds: float, written: str) -> None:
    assert written_duration(seconds) == written
    assert parse_duration(written) == timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def job(emulator: Emulator) -> str:
    emulator.add_pool("measured")
    return emulator.add_job("measured", "measured")


def test_a_task_tells_its_time_on_processors_with_that_of_its_children(
    emulator: Emulator, job: str
) -> None:
    emulator.run(job, "busy", shell(f"/bin/sh -c '{BUSY}'; head -c 3000000 /dev/zero > zeros"))
    plain = emulator.client.get_task(job, "busy")
    assert plain.task_statistics is None
    found = emulator.client.get_task(job, "busy", expand=["stats"]).task_statistics
    spent = found.user_cpu_time + found.kernel_cpu_time
    assert timedelta(milliseconds=5) < spent
    assert timedelta(0) <= found.wait_time < found.last_update_time - found.start_time
    info = plain.execution_info
    assert abs(found.wall_clock_time - (info.end_time - info.start_time)) < timedelta(seconds=1)
    assert found.read_io_gib >= 0 and found.write_io_gib >= 0
    assert found.read_iops is None
    (listed,) = emulator.client.list_tasks(job, expand=["stats"], filter="id eq 'busy'")
    assert listed.task_statistics.user_cpu_time == found.user_cpu_time


def test_what_was_broken_off_was_measured_too(emulator: Emulator, job: str) -> None:
    emulator.add_task(job, "endless", shell(f"while true; do {BUSY}; touch done; done"))
    until(lambda: any(one.name.endswith("/done") for one in files(emulator, job, "endless")))
    emulator.client.terminate_task(job, "endless")
    emulator.finished(job, "endless")
    found = emulator.client.get_task(job, "endless", expand=["stats"]).task_statistics
    assert found.user_cpu_time + found.kernel_cpu_time > timedelta(milliseconds=5)


def files(emulator: Emulator, job: str, task: str) -> list[models.BatchNodeFile]:
    if emulator.client.get_task(job, task).state != "running":
        return []
    return list(emulator.client.list_task_files(job, task, recursive=True))


def test_jobs_schedules_and_pools_have_statistics_when_asked_for_them(
    emulator: Emulator, job: str
) -> None:
    emulator.run(job, "failing", shell("exit 3"))
    client = emulator.client
    counted = client.get_job(job, expand=["stats"]).job_statistics
    assert counted.failed_tasks_count >= 1
    assert counted.wall_clock_time > timedelta(0)
    (listed,) = client.list_jobs(expand=["stats"], select=["id", "stats"])
    assert listed.job_statistics.failed_tasks_count == counted.failed_tasks_count
    pool = client.get_pool("measured", expand=["stats"]).pool_statistics
    assert pool.usage_statistics.dedicated_core_time > timedelta(0)
    assert pool.resource_statistics is None
    info = models.BatchPoolInfo(pool_id="measured")
    client.create_job_schedule(
        models.BatchJobScheduleCreateOptions(
            id="measured-too",
            schedule=models.BatchJobScheduleConfiguration(),
            job_specification=models.BatchJobSpecification(pool_info=info),
        )
    )
    found = client.get_job_schedule("measured-too", expand=["stats"]).job_schedule_statistics
    assert (found.succeeded_tasks_count, found.failed_tasks_count) == (0, 0)
    raw = send(emulator, "GET", f"/jobs/{job}?$expand=stats").json()["stats"]
    assert raw["url"] == f"{emulator.endpoint}/jobs/{job}/stats"
    assert (raw["numTaskRetries"], "waitTime" in raw) == ("0", False)


def test_every_try_counts_and_a_running_one_up_to_now() -> None:
    with Simulation(timing_profile=PROFILE) as simulation:
        simulation.create_pool({"id": "p", "vmSize": "standard_d2s_v5", "targetDedicatedNodes": 2})
        job = simulation.create_job({"id": "j", "poolInfo": {"poolId": "p"}})
        again = {"constraints": {"maxTaskRetryCount": 2}}
        simulation.add_tasks(
            "j",
            [
                simulated_task("fails", seconds=10, exit_code=3, **again),
                simulated_task("long", seconds=3600),
            ],
        )
        simulation.run_for(timedelta(seconds=145))
        now = BEGAN + timedelta(seconds=145)
        shown = statistics_of_jobs([job], job.created, "u", now)
        assert parse_duration(shown["wallClockTime"]).total_seconds() == pytest.approx(130, abs=1)
        counts = [shown[f"num{name}"] for name in ("TaskRetries", "FailedTasks", "SucceededTasks")]
        assert counts == ["2", "1", "0"]
        long = statistics_of_task(job.task("long"), "u", now)
        assert parse_duration(long["waitTime"]).total_seconds() == pytest.approx(45, abs=1)
        assert "userCPUTime" not in long


def test_core_time_of_a_pool_goes_on_where_its_nodes_end() -> None:
    with Simulation(timing_profile=PROFILE) as simulation:
        pool = simulation.create_pool(
            {"id": "p", "vmSize": "standard_d4s_v5", "targetDedicatedNodes": 2}
        )
        seen = []
        for targets in ({"targetDedicatedNodes": 1}, {"targetDedicatedNodes": 0}, {}):
            simulation.run_for(timedelta(hours=1))
            shown = statistics_of_pool(pool, "u", BEGAN + timedelta(seconds=simulation.elapsed_s))
            used = parse_duration(shown["usageStats"]["dedicatedCoreTime"])
            seen.append(round(used / timedelta(hours=4)))
            if targets:
                simulation.do(lambda emulator, to=targets: emulator.pools.resize(pool, to))
    assert seen == [2, 3, 3]


def test_what_a_task_took_is_there_after_a_restart() -> None:
    task = Task(
        id="t", job_id="j", seq=0, spec_text="{}", state="running", created="2030-01-01T00:00:00Z"
    )
    task.ran(2.5, None)
    task.ran(1.5, Usage(1.0, 0.5, 1024, 2048))
    task.ran(1.0, Usage(0.5, 0.5, 0, 0))
    restored = Task.restore(task.record())
    assert (restored.wall_s, restored.usage) == (5.0, Usage(1.5, 1.0, 1024, 2048))
