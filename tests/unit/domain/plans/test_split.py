from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.plans.split import (
    MAX_ITEMS,
    Item,
    PlanError,
    some,
    split_grid,
    split_range,
    split_whole,
)
from tests.depth import more
from tests.unit.domain.quick import quick


@quick
@given(st.integers(-1000, 1000), st.integers(1, 2000), st.integers(1, 300))
def test_a_range_is_covered_once_and_in_order(start, length, step):
    items = list(split_range(start, start + length, step))
    covered = [n for item in items for n in range(item.parameters["start"], item.parameters["end"])]
    assert covered == list(range(start, start + length))
    assert [item.id for item in items] == [item.parameters["index"] for item in items]
    assert [item.id for item in items] == list(range(len(items)))


def test_a_grid_keeps_the_order_of_its_axes():
    items = split_grid({"radius": [1, 2], "load": ["a", "b"]})
    assert [tuple(item.parameters.values()) for item in items] == [
        (1, "a"), (1, "b"), (2, "a"), (2, "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (lambda: split_range(0, MAX_ITEMS + 1, 1), "yields 1,000,001 items"),
        (lambda: split_range(0, 10**17, 1), "make the items larger"),
        (lambda: split_range(5, 5, 1), "is empty"),
        (lambda: split_range(0, 5, 0), "at least 1"),
        (lambda: split_grid({"a": range(2000), "b": range(2000)}), "4,000,000 items"),
        (lambda: split_grid({"a": [1], "b": []}), "no values"),
    ],
)
def test_an_impossible_split_says_why(split, said):
    with pytest.raises(PlanError, match=said):
        list(split())


def test_too_many_items_are_refused_where_nobody_could_count_before(monkeypatch):
    most = more(1_000, MAX_ITEMS)
    monkeypatch.setattr("pipeline.domain.plans.split.MAX_ITEMS", most)
    with pytest.raises(PlanError, match=f"more than {most:,} items: make the items larger"):
        deque(some((Item(number) for number in range(most + 1)), "none"), 0)


@pytest.mark.parametrize(
    "split",
    [
        lambda **more: split_range(3, 30, 4, **more),
        lambda **more: split_grid({"a": [1, 2], "b": ["x", "y", "z"]}, **more),
    ],
)
def test_a_split_goes_on_after_any_of_its_items(split):
    whole = list(split())
    for done in range(len(whole) + 1):
        assert list(split(after=done)) == whole[done:]


def test_the_input_as_a_whole_is_one_item():
    (item,) = split_whole()
    assert (item.id, item.parameters) == (0, {})
