"""What the engine relies on when it drives Batch jobs."""

from datetime import timedelta

import pytest

from pipeline.errors import JobGone, Permanent, QuotaReached
from tests.contract.batch.worlds import BUSY, job_spec, task_spec


@pytest.fixture
def job(batch_ports, fresh):
    """Yield an open job on a pool without nodes; end it afterwards."""
    batch_ports.jobs.create(job_spec(fresh))
    yield fresh
    batch_ports.jobs.terminate(fresh)


@pytest.fixture
def ports(batch_ports):
    return batch_ports


def test_a_new_job_is_active_and_stays_so_when_empty(ports, job):
    report = ports.cluster.job(job)
    assert (report.state, report.active, report.preparation.failed) == ("active", 0, None)


def test_creating_a_job_twice_is_fine(ports, job):
    ports.jobs.add(job, [task_spec("t0")])
    ports.jobs.create(job_spec(job))
    assert ports.cluster.unconfirmed(job).open == {"t0"}


def test_more_jobs_than_the_account_takes_reach_the_quota(ports, fresh):
    names = [f"{fresh}-{number}" for number in range(4)]
    try:
        with pytest.raises(QuotaReached):
            for name in names:
                ports.jobs.create(job_spec(name))
    finally:
        for name in names:
            ports.jobs.terminate(name)


def test_tasks_are_added_once_however_often_they_are_sent(ports, job):
    tasks = [task_spec(f"t{number:06d}") for number in range(230)]
    ports.jobs.add(job, tasks[:50])
    ports.jobs.add(job, tasks)
    assert ports.cluster.unconfirmed(job).open == {task.id for task in tasks}
    assert ports.cluster.job(job).active == 230


def test_tasks_too_large_for_one_request_are_added(ports, job):
    environment = {f"V{number}": "x" * 30_000 for number in range(2)}
    tasks = [task_spec(f"t{number}", environment=environment) for number in range(40)]
    ports.jobs.add(job, tasks)
    assert ports.cluster.job(job).active == 40


def test_a_task_with_an_impossible_id_is_refused(ports, job):
    with pytest.raises(Permanent):
        ports.jobs.add(job, [task_spec("no spaces")])


def test_adding_nothing_is_fine(ports, job):
    ports.jobs.add(job, [])


def test_a_missing_job_takes_no_tasks(ports, fresh):
    with pytest.raises(JobGone):
        ports.jobs.add(fresh, [task_spec("t0")])


def test_a_terminated_job_takes_no_tasks_and_keeps_those_that_never_ran(batch_world, ports, job):
    ports.jobs.add(job, [task_spec("t0")])
    ports.jobs.terminate(job)
    with pytest.raises(JobGone):
        ports.jobs.add(job, [task_spec("t1")])
    batch_world.wait_for_state(job, "completed")
    assert ports.cluster.unconfirmed(job).open == {"t0"}


def test_a_closed_job_completes_when_its_tasks_have(batch_world, ports, fresh):
    ports.jobs.create(job_spec(fresh, BUSY))
    ports.jobs.add(fresh, [task_spec("t0"), task_spec("t1", "/bin/sh -c 'exit 3'")])
    ports.jobs.close(fresh)
    batch_world.let_tasks_end(fresh)
    batch_world.wait_for_state(fresh, "completed")
    report = ports.cluster.job(fresh)
    assert (report.succeeded, report.failed, report.active) == (1, 1, 0)


def test_closing_and_ending_are_fine_when_repeated_or_the_job_is_gone(batch_world, ports, job):
    for _ in range(2):
        ports.jobs.close(job)
        ports.jobs.terminate(job)
    batch_world.wait_for_state(job, "completed")
    for name in (job, f"{job}-gone"):
        ports.jobs.close(name)
        ports.jobs.terminate(name)


def test_reaping_deletes_completed_jobs_only(batch_world, ports, job):
    done = f"{job}-done"
    ports.jobs.create(job_spec(done))
    ports.jobs.terminate(done)
    batch_world.wait_for_state(done, "completed")
    assert done not in ports.jobs.reap(ports.clock.now() - timedelta(days=1))
    assert ports.cluster.job(done).state == "completed"
    assert done in ports.jobs.reap(batch_world.later())
    batch_world.wait_for_state(done, "")
    assert ports.cluster.job(job).state == "active"
