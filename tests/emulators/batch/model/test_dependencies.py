"""Tasks that wait for other tasks, for lists of them and for ranges."""

from emulators.batch.model.job import Job
from emulators.batch.model.task import Task
from tests.emulators.batch.bare import add, job


def satisfy(made: Job, name: str) -> list[str]:
    made.task(name).satisfied = True
    return [task.id for task in made.dependencies.meet(name)]


def test_dependents_come_free_one_by_one_and_again_after_a_restart() -> None:
    made = job("j", usesTaskDependencies=True)
    add(made, "last", dependsOn={"taskIds": ["a"], "taskIdRanges": [{"start": 1, "end": 2}]})
    for name in ("a", "1", "2"):
        add(made, name)
    for name, freed in (("a", []), ("1", []), ("2", ["last"])):
        made.task(name).satisfied = True
        assert [task.id for task in made.dependencies.meet(name)] == freed
    restored = job("j", usesTaskDependencies=True)
    for task in made.tasks_from(0):
        restored.add(Task.restore(task.record()))
    assert restored.dependencies.is_free(restored.task("last"))


def test_a_long_range_waits_for_each_of_its_numbers_and_for_no_padded_one() -> None:
    made = job("j", usesTaskDependencies=True)
    for number in range(1, 2001):
        add(made, str(number))
    add(made, "007")
    assert satisfy(made, "1") == []
    spans = [{"start": 1, "end": 2000}]
    add(made, "last", dependsOn={"taskIds": ["007"], "taskIdRanges": spans})
    # Number 2 is satisfied, tried again and satisfied again: it counts once.
    assert [satisfy(made, str(number)) for number in (2, *range(2, 2001))] == [[]] * 2000
    assert satisfy(made, "007") == ["last"]


def test_a_range_of_a_billion_tasks_costs_nothing_and_holds_its_dependent() -> None:
    made = job("j", usesTaskDependencies=True)
    add(made, "waits", dependsOn={"taskIdRanges": [{"start": 1, "end": 10**9}]})
    add(made, "1")
    assert satisfy(made, "1") == []
    assert not made.dependencies.is_free(made.task("waits"))
    made.remove(made.task("waits"))
    assert made.dependencies.held() == 0


def test_a_waiting_task_that_is_deleted_and_added_again_runs_in_its_new_life_alone() -> None:
    made = job("j", usesTaskDependencies=True)
    add(made, "first")
    add(made, "waits", dependsOn={"taskIds": ["first"]})
    made.remove(made.task("waits"))
    add(made, "waits", dependsOn={"taskIds": ["first"]})
    made.task("first").satisfied = True
    assert made.dependencies.meet("first") == [made.task("waits")]
