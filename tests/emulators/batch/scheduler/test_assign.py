"""Which task goes to which node: slots, turns, barred nodes and multi-instance tasks."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.states import TaskState
from emulators.batch.scheduler.assign import Policy, assignments
from emulators.batch.scheduler.shelf import NoRoom, Shelf
from tests.emulators.batch.bare import add, job, node


def assigned(
    jobs: list[Job],
    nodes: list[Node],
    *,
    pack: bool = False,
    by_age: bool = False,
    **barred: set[str],
) -> list[tuple[str, str]]:
    found = []
    for one in assignments(jobs, Shelf(nodes), barred, Policy(pack=pack, by_age=by_age)):
        found.append((one.task.id, one.node.id))
        one.node.used += one.task.slots
        one.job.counts.leave(one.task)
        one.task.state = TaskState.RUNNING
        one.job.counts.enter(one.task)
    return found


def test_tasks_spread_over_nodes_or_pack_them() -> None:
    def work() -> Job:
        made = job("j")
        for number in range(3):
            add(made, f"t{number}")
        return made

    assert {where for _, where in assigned([work()], [node("a", 4), node("b", 4)])} == {"a", "b"}
    assert (
        len({where for _, where in assigned([work()], [node("a", 4), node("b", 4)], pack=True)})
        == 1
    )


def test_a_small_task_passes_a_large_one_that_does_not_fit() -> None:
    made = job("j")
    add(made, "large", slots=4)
    add(made, "small", slots=1)
    assert assigned([made], [node("a", 4, used=2)]) == [("small", "a")]


def test_a_small_task_passes_a_large_one_for_which_only_a_barred_node_has_room() -> None:
    made = job("j")
    add(made, "large", slots=4)
    add(made, "small", slots=1)
    nodes = [node("a", 4), node("b", 4, used=3)]
    assert assigned([made], nodes, j={"a"}) == [("small", "b")]


def test_a_node_that_changed_since_it_was_offered_is_found_where_it_belongs_now() -> None:
    changed, other = node("a", 4), node("b", 2)
    shelf = Shelf([changed, other])
    changed.used = 1
    assert shelf.widest() == 3
    assert shelf.take(3, pack=True, barred=set()) is changed


USED = st.lists(st.integers(0, 4), min_size=1, max_size=5)


@given(before=USED, after=USED, barred=st.sets(st.integers(0, 4)), pack=st.booleans())
def test_what_the_widest_node_has_room_for_finds_a_node(
    before: list[int], after: list[int], barred: set[int], pack: bool
) -> None:
    nodes = [node(str(number), 4, used=used) for number, used in enumerate(before)]
    names = {str(number) for number in barred}
    for slots in range(1, 5):
        shelf = Shelf(nodes)
        for one, used in zip(nodes, after, strict=False):
            one.used = used
        if slots <= shelf.widest(names):
            found = shelf.take(slots, pack=pack, barred=names)
            assert found.free >= slots
            assert found.id not in names
        else:
            with pytest.raises(NoRoom):
                shelf.take(slots, pack=pack, barred=names)


def test_limits_bars_and_disabled_nodes_are_respected() -> None:
    made = job("j", maxParallelTasks=1)
    add(made, "one")
    add(made, "two")
    nodes = [node("a", 4), node("b", 4, scheduling="disabled"), node("c", 4, draining=True)]
    assert assigned([made], nodes, j={"a"}) == []
    assert assigned([made], nodes) == [("one", "a")]


def three_jobs(tasks: int) -> list[Job]:
    """Make one urgent job and two equal ones, each with tasks named after it."""
    jobs = [job("u", priority=5), job("a"), job("b")]
    for one in jobs:
        for _ in range(tasks):
            add(one, f"{one.id}{len(one.order)}")
    return jobs


def test_jobs_of_equal_priority_take_turns_also_from_one_free_slot_to_the_next() -> None:
    names = [name for name, _ in assigned(three_jobs(2), [node("n", 6)])]
    assert names == ["u0", "u1", "a0", "b0", "a1", "b1"]
    jobs = three_jobs(2)
    single = [assigned(jobs, [node("n", 1)])[0][0] for _ in range(6)]
    assert single == names


def test_the_older_of_two_equal_jobs_goes_first_where_the_pool_says_so() -> None:
    names = ["u0", "u1", "a0", "a1", "b0", "b1"]
    assert [name for name, _ in assigned(three_jobs(2), [node("n", 6)], by_age=True)] == names
    jobs = three_jobs(2)
    assert [assigned(jobs, [node("n", 1)], by_age=True)[0][0] for _ in range(6)] == names


def test_a_turn_that_a_job_cannot_use_goes_to_the_next() -> None:
    jobs = three_jobs(0)
    add(jobs[1], "large", slots=4)
    add(jobs[1], "small")
    for name in ("b0", "b1", "b2"):
        add(jobs[2], name)
    assert assigned(jobs, [node("n", 3)]) == [("small", "n"), ("b0", "n"), ("b1", "n")]
    assert [name for name, _ in assigned(jobs, [node("m", 4)])] == ["large"]


def test_slots_are_never_overcommitted_whatever_comes() -> None:
    chance = random.Random(7)
    for _ in range(50):
        jobs = [job(f"j{n}") for n in range(3)]
        for number in range(30):
            add(chance.choice(jobs), f"t{number}", slots=chance.randint(1, 5))
        nodes = [node(f"n{n}", chance.randint(1, 8)) for n in range(4)]
        used: dict[str, int] = {}
        sizes = {task.id: task.slots for one in jobs for task in one.tasks.values()}
        for task, where in assigned(jobs, nodes, pack=chance.random() < 0.5):
            used[where] = used.get(where, 0) + sizes[task]
        assert all(used.get(one.id, 0) <= one.slots for one in nodes)


def test_what_a_job_has_set_aside_is_there_again_when_another_takes_the_last_place() -> None:
    jobs = three_jobs(0)
    gang = add(jobs[1], "gang")
    gang.instances = 2
    for made, name in ((jobs[1], "a0"), (jobs[2], "b0")):
        add(made, name)
    assert assigned(jobs, [node("n", 2)]) == [("a0", "n"), ("b0", "n")]
    assert jobs[1].ready.pop(1) is gang
