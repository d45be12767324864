"""What the documentation says of jobs, one sentence a test."""

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import Emulator, until

_COMPLETE = models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob")


def test_a_job_waits_for_a_pool_that_does_not_exist_yet(emulator: Emulator) -> None:
    emulator.add_job("early", "late-pool")
    emulator.add_task("early", "t", "true")
    assert emulator.client.get_job("early").state == "active"
    why = emulator.admin("GET", "/_admin/why/early/t")
    assert "does not exist" in str(why)
    emulator.add_pool("late-pool")
    assert emulator.finished("early", "t").execution_info.exit_code == 0


def test_a_disabled_job_may_move_to_a_pool_that_does_not_exist_yet(emulator: Emulator) -> None:
    emulator.add_job("moving", "nowhere")
    emulator.add_task("moving", "t", "true")
    emulator.client.begin_disable_job(
        "moving", models.BatchJobDisableOptions(disable_tasks="requeue"), polling_interval=0.02
    ).wait()
    goal = models.BatchPoolInfo(pool_id="goal")
    emulator.client.update_job("moving", models.BatchJobUpdateOptions(pool_info=goal))
    emulator.client.begin_enable_job("moving", polling_interval=0.02).wait()
    emulator.add_pool("goal")
    assert emulator.finished("moving", "t").node_info.pool_id == "goal"


def test_an_exclusive_manager_takes_all_slots_of_a_pool_that_comes_after_it(
    emulator: Emulator,
) -> None:
    manager = models.BatchJobManagerTask(id="manager", command_line="true")
    emulator.add_job("managed-early", "managed-late", job_manager_task=manager)
    emulator.add_pool("managed-late", slots=3)
    until(lambda: emulator.client.get_job("managed-early").state == "completed" or None)
    counts = emulator.client.get_job_task_counts("managed-early")
    assert counts.task_slot_counts.succeeded == 3


