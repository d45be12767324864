"""Slots follow from what a task needs of a node's memory and disk."""

import pytest

from pipeline.domain.definitions.room import misfits, slots_of
from pipeline.domain.definitions.stages import TaskProgram
from tests.unit.domain.definitions.test_pool import pool

NODE = {"slots": 8, "memory": "28g", "disk": "100g"}


def task(**needs):
    return TaskProgram(program="work.py", **needs)


@pytest.mark.parametrize(
    ("needs", "slots"),
    [
        ({}, 1),
        ({"memory": "512m"}, 1),
        ({"memory": "3584m"}, 1),
        ({"memory": "3585m"}, 2),
        ({"memory": "7g"}, 2),
        ({"memory": "28g"}, 8),
        ({"disk": "26g"}, 3),
        ({"memory": "7g", "disk": "26g"}, 3),
        ({"memory": "7g", "slots": 5}, 5),
        ({"slots": 3}, 3),
    ],
)
def test_a_task_takes_as_many_slots_as_its_largest_share(needs, slots):
    assert slots_of(task(**needs), pool(**NODE)) == slots
    assert list(misfits(task(**needs), pool(**NODE))) == []


def test_so_many_tasks_as_their_slots_allow_never_need_more_than_there_is():
    for memory in range(1, 29):
        at_once = 8 // slots_of(task(memory=f"{memory}g"), pool(**NODE))
        assert at_once * memory <= 28


def test_without_a_pool_only_slots_count():
    assert slots_of(task(memory="7g", slots=2), None) == 2


@pytest.mark.parametrize(
    ("needs", "node", "found"),
    [
        ({"memory": "29g"}, NODE, [("memory", "29g never fits: a node of cpu has 28g for tasks")]),
        ({"disk": "101g"}, NODE, [("disk", "101g never fits: a node of cpu has 100g for tasks")]),
        ({"slots": 9}, NODE, [("slots", "9 slots never fit: a node of cpu has 8")]),
        (
            {"memory": "1m"},
            {},
            [("memory", "pools/cpu.yaml does not say what a node has: add memory to it")],
        ),
    ],
)
def test_what_no_node_has_room_for_is_refused(needs, node, found):
    assert list(misfits(task(**needs), pool(**node))) == found
