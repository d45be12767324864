"""Job schedules through the real client, in emulated time."""

import itertools
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from emulators.batch.model.schedule import Timetable
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until

_numbers = itertools.count(1)
HOUR = timedelta(hours=1)


@pytest.fixture
def name(emulator: Emulator) -> str:
    """Create a pool with one node; return its name, which the schedule will share."""
    return emulator.add_pool(f"planned{next(_numbers)}")


def add_schedule(emulator: Emulator, name: str, **when: object) -> None:
    specification = models.BatchJobSpecification(
        pool_info=models.BatchPoolInfo(pool_id=name),
        priority=7,
        common_environment_settings=[models.EnvironmentSetting(name="GREETING", value="hello")],
    )
    emulator.client.create_job_schedule(
        models.BatchJobScheduleCreateOptions(
            id=name,
            schedule=models.BatchJobScheduleConfiguration(**when),
            job_specification=specification,
        )
    )


def pass_time(emulator: Emulator, by: timedelta) -> None:
    emulator.admin("POST", "/_admin/clock", {"seconds": by.total_seconds()})


def jobs_of(emulator: Emulator, name: str) -> dict[str, str]:
    return {job.id: job.state for job in emulator.client.list_jobs_from_schedule(name)}


def end_job(emulator: Emulator, job_id: str) -> None:
    emulator.client.begin_terminate_job(
        job_id, {"terminateReason": "over"}, polling_interval=0.02
    ).wait()


def code_of(refused: pytest.ExceptionInfo[HttpResponseError]) -> str:
    return refused.value.error.code


def now_of(emulator: Emulator) -> datetime:
    return datetime.fromisoformat(emulator.admin("POST", "/_admin/clock", {"seconds": 0})["now"])


def test_without_recurrence_one_job_runs_and_the_schedule_completes_with_it(
    emulator: Emulator, name: str
) -> None:
    add_schedule(emulator, name)
    assert jobs_of(emulator, name) == {f"{name}:job-1": "active"}
    assert emulator.client.get_job(f"{name}:job-1").priority == 7
    task = emulator.run(f"{name}:job-1", "t", shell('echo "$GREETING"'))
    assert emulator.file(f"{name}:job-1", "t", "stdout.txt") == "hello\n"
    assert task.node_info.task_root_directory == f"workitems/{name}/job-1/t"
    assert emulator.client.get_job_schedule(name).state == "active"
    end_job(emulator, f"{name}:job-1")
    schedule = emulator.client.get_job_schedule(name)
    assert schedule.state == "completed"
    assert schedule.execution_info.recent_job.id == f"{name}:job-1"
    assert schedule.execution_info.end_time is not None
    assert schedule.execution_info.next_run_time is None


def test_a_recurring_schedule_waits_for_its_job_to_end_and_never_has_two_active(
    emulator: Emulator, name: str
) -> None:
    add_schedule(emulator, name, recurrence_interval=HOUR)
    pass_time(emulator, HOUR * 1.5)
    assert list(jobs_of(emulator, name)) == [f"{name}:job-1"]
    end_job(emulator, f"{name}:job-1")
    assert jobs_of(emulator, name) == {f"{name}:job-1": "completed", f"{name}:job-2": "active"}
    end_job(emulator, f"{name}:job-2")
    assert len(jobs_of(emulator, name)) == 2
    pass_time(emulator, HOUR / 2)
    assert jobs_of(emulator, name)[f"{name}:job-3"] == "active"


def test_a_chance_is_lost_when_its_window_has_passed(emulator: Emulator, name: str) -> None:
    add_schedule(emulator, name, recurrence_interval=HOUR, start_window=timedelta(minutes=5))
    pass_time(emulator, timedelta(minutes=70))
    end_job(emulator, f"{name}:job-1")
    assert len(jobs_of(emulator, name)) == 1
    next_run = emulator.client.get_job_schedule(name).execution_info.next_run_time
    assert timedelta(minutes=49) < next_run - now_of(emulator) < timedelta(minutes=51)
    pass_time(emulator, timedelta(minutes=51))
    assert len(jobs_of(emulator, name)) == 2


def test_nothing_runs_before_its_time_nor_after_it(emulator: Emulator, name: str) -> None:
    now = now_of(emulator)
    add_schedule(
        emulator,
        name,
        do_not_run_until=now + HOUR,
        do_not_run_after=now + 2.5 * HOUR,
        recurrence_interval=HOUR,
    )
    assert jobs_of(emulator, name) == {}
    pass_time(emulator, 1.1 * HOUR)
    end_job(emulator, f"{name}:job-1")
    pass_time(emulator, HOUR)
    end_job(emulator, f"{name}:job-2")
    assert emulator.client.get_job_schedule(name).state == "active"
    pass_time(emulator, HOUR)
    assert emulator.client.get_job_schedule(name).state == "completed"
    assert len(jobs_of(emulator, name)) == 2


def test_a_disabled_schedule_makes_no_job_until_it_is_enabled(
    emulator: Emulator, name: str
) -> None:
    add_schedule(emulator, name, do_not_run_until=now_of(emulator) + HOUR, recurrence_interval=HOUR)
    emulator.client.disable_job_schedule(name)
    pass_time(emulator, 1.5 * HOUR)
    assert jobs_of(emulator, name) == {}
    assert emulator.client.get_job_schedule(name).state == "disabled"
    emulator.client.enable_job_schedule(name)
    assert jobs_of(emulator, name) == {f"{name}:job-1": "active"}


def test_terminating_a_schedule_ends_its_job_with_that_reason(
    emulator: Emulator, name: str
) -> None:
    add_schedule(emulator, name, recurrence_interval=HOUR)
    emulator.client.begin_terminate_job_schedule(name, polling_interval=0.02).wait()
    assert emulator.client.get_job_schedule(name).state == "completed"
    job = emulator.client.get_job(f"{name}:job-1")
    assert (job.state, job.execution_info.termination_reason) == (
        "completed",
        "TerminateJobSchedule",
    )
    with pytest.raises(HttpResponseError) as refused:
        emulator.client.enable_job_schedule(name)
    assert code_of(refused) == "JobScheduleCompleted"


def test_deleting_a_schedule_deletes_its_jobs(emulator: Emulator, name: str) -> None:
    add_schedule(emulator, name)
    emulator.add_task(f"{name}:job-1", "t", "sleep 100")
    emulator.client.begin_delete_job_schedule(name, polling_interval=0.02).wait()
    with pytest.raises(ResourceNotFoundError):
        emulator.client.get_job_schedule(name)
    with pytest.raises(ResourceNotFoundError):
        emulator.client.get_job(f"{name}:job-1")


def test_a_changed_specification_is_that_of_later_jobs(emulator: Emulator, name: str) -> None:
    add_schedule(emulator, name, recurrence_interval=HOUR)
    before = emulator.client.get_job_schedule(name)
    emulator.client.update_job_schedule(
        name,
        models.BatchJobScheduleUpdateOptions(
            job_specification=models.BatchJobSpecification(
                pool_info=models.BatchPoolInfo(pool_id=name), priority=9
            )
        ),
    )
    after = emulator.client.get_job_schedule(name)
    assert after.schedule.recurrence_interval == HOUR
    assert after.etag != before.etag
    end_job(emulator, f"{name}:job-1")
    pass_time(emulator, HOUR)
    assert emulator.client.get_job(f"{name}:job-1").priority == 7
    assert emulator.client.get_job(f"{name}:job-2").priority == 9


def test_replacing_a_schedule_clears_its_metadata(emulator: Emulator, name: str) -> None:
    add_schedule(emulator, name)
    metadata = [models.BatchMetadataItem(name="who", value="me")]
    update = models.BatchJobScheduleUpdateOptions(metadata=metadata)
    emulator.client.update_job_schedule(name, update)
    schedule = emulator.client.get_job_schedule(name)
    assert schedule.metadata == metadata
    schedule.metadata = None
    emulator.client.replace_job_schedule(name, schedule)
    assert emulator.client.get_job_schedule(name).metadata is None


def test_jobs_and_schedules_share_one_space_of_ids_and_one_quota(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, "--active-job-quota", "2")
    for pool in ("a", "b"):
        emulator.add_pool(pool)
    add_schedule(emulator, "a")
    with pytest.raises(ResourceExistsError) as refused:
        emulator.add_job("a", "a")
    assert code_of(refused) == "JobScheduleWithSameIdExists"
    with pytest.raises(ResourceExistsError) as refused:
        add_schedule(emulator, "A")
    assert code_of(refused) == "JobScheduleExists"
    with pytest.raises(ResourceExistsError) as refused:
        add_schedule(emulator, "b")
    assert code_of(refused) == "ActiveJobAndScheduleQuotaReached"
    emulator.stop()


def test_schedules_are_listed_filtered_and_found(emulator: Emulator, name: str) -> None:
    add_schedule(emulator, name, recurrence_interval=HOUR)
    found = list(emulator.client.list_job_schedules(filter=f"id eq '{name}' and state eq 'active'"))
    assert [schedule.id for schedule in found] == [name]
    assert emulator.client.job_schedule_exists(name)
    with pytest.raises(ResourceNotFoundError):
        emulator.client.job_schedule_exists("nowhere")


def test_a_schedule_goes_on_after_a_kill_as_if_nothing_had_happened(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path)
    emulator.add_pool("p")
    add_schedule(emulator, "p", recurrence_interval=HOUR)
    pass_time(emulator, 1.5 * HOUR)
    emulator.stop(signal.SIGKILL)
    emulator.start()
    assert list(jobs_of(emulator, "p")) == ["p:job-1"]
    end_job(emulator, "p:job-1")
    assert list(jobs_of(emulator, "p")) == ["p:job-1", "p:job-2"]
    emulator.stop()


def test_a_schedule_that_was_being_deleted_is_gone_after_a_kill(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, "--timing", "manual")
    emulator.add_pool("p", nodes=0)
    add_schedule(emulator, "p")
    emulator.client.begin_delete_job_schedule("p")
    assert emulator.client.get_job_schedule("p").state == "deleting"
    emulator.stop(signal.SIGKILL)
    emulator.start()

    def gone() -> bool:
        emulator.admin("POST", "/_admin/tick")
        return not list(emulator.client.list_job_schedules())

    until(gone)
    assert not list(emulator.client.list_jobs())
    emulator.stop()


BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "minutes", "due"),
    [
        (None, 0, 0),
        (None, 59, 0),
        (None, 60, 60),
        (None, 150, 120),
        (10, 5, 0),
        (10, 10, 60),
        (10, 65, 60),
        (90, 70, 60),
    ],
)
def test_a_due_job_is_not_carried_into_the_next_interval(
    window: int | None, minutes: int, due: int
) -> None:
    length = None if window is None else timedelta(minutes=window)
    table = Timetable(BEGIN, None, length, HOUR)
    found = table.current(None, BEGIN + timedelta(minutes=minutes))
    assert found == BEGIN + timedelta(minutes=due)
