"""Faults on purpose, by rule and by profile."""

from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from emulators.batch.faults import AWKWARD, Faults, Rule, events_table
from tests.emulators.batch.running import Emulator
from tests.patience import until


def test_a_rule_strikes_as_often_as_it_says(emulator: Emulator) -> None:
    rule = {
        "operation": "get_pool",
        "match": "/pools/f",
        "count": 1,
        "status": 503,
        "code": "ServerBusy",
    }
    emulator.admin("POST", "/_admin/faults", [rule])
    emulator.add_pool("f", nodes=0)
    with pytest.raises(HttpResponseError) as error:
        emulator.client.get_pool("f", retry_total=0)
    assert (error.value.status_code, error.value.error.code) == (503, "ServerBusy")
    assert emulator.client.get_pool("f").id == "f"
    emulator.admin("DELETE", "/_admin/faults")


def test_a_lost_answer_leaves_its_effect(emulator: Emulator) -> None:
    rule = {
        "operation": "create_job",
        "count": 1,
        "status": 500,
        "code": "InternalError",
        "when": "after",
    }
    emulator.admin("POST", "/_admin/faults", rule)
    emulator.add_pool("lost", nodes=0)
    with pytest.raises(HttpResponseError) as error:
        pool = models.BatchPoolInfo(pool_id="lost")
        emulator.client.create_job(
            models.BatchJobCreateOptions(id="lost", pool_info=pool), retry_total=0
        )
    assert error.value.status_code == 500
    assert emulator.client.get_job("lost").state == "active"


def test_one_seed_strikes_in_one_order() -> None:
    def strikes(seed: int) -> list[Rule | None]:
        faults = Faults("awkward", seed)
        return [faults.strike("get_job") for _ in range(200)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert {rule.status for rule in strikes(1) if rule} == {429, 503}


def test_the_awkward_profile_loses_files_but_never_twice_for_one_job() -> None:
    faults = Faults("awkward", 1)
    tries = [(job, name) for name in range(200) for job in ("one", "two")]
    lost = [job for job, name in tries if faults.strike("output_file", f"o-{name}", place=job)]
    assert sorted(lost) == ["one", "two"]


def test_a_rule_that_strikes_once_strikes_other_places_and_after_a_reset_again() -> None:
    faults = Faults("benign", 1)
    faults.add([Rule("task_rerun", once=True)])
    struck = [bool(faults.strike("task_rerun", task)) for task in ("a", "a", "b", "a")]
    assert struck == [True, False, True, False]
    faults.reset()
    faults.add([Rule("task_rerun", once=True)])
    assert faults.strike("task_rerun", "a")


def test_the_readme_lists_every_event_of_a_rule() -> None:
    assert events_table() in Path("emulators/batch/README.md").read_text("utf-8")


def test_the_benign_profile_does_nothing() -> None:
    assert not any(Faults("benign", 1).strike(rule.operation) for rule in AWKWARD)


def test_under_the_awkward_profile_work_is_repeated_and_requeued_but_ends(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", "--profile", "awkward", "--seed", "3")
    emulator.add_pool("p", nodes=2, slots=8)
    emulator.add_job("j", "p")
    line = f"/bin/sh -c 'echo $AZ_BATCH_TASK_ID >> {tmp_path}/runs'"
    tasks = [models.BatchTaskCreateOptions(id=f"t{n}", command_line=line) for n in range(60)]
    emulator.client.create_task_collection("j", models.BatchTaskGroup(task_values=tasks))
    until(lambda: emulator.client.get_job_task_counts("j").task_counts.completed == 60)
    found = list(emulator.client.list_tasks("j"))
    emulator.stop()
    runs = (tmp_path / "runs").read_text().split()
    assert set(runs) == {f"t{n}" for n in range(60)}
    assert len(runs) > 60
    assert {task.execution_info.result for task in found} == {"success"}
