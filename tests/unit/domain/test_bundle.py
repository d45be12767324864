import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.bundle import bundle, pages
from pipeline.domain.split import Item, PlanError
from tests.unit.domain.quick import quick


@quick
@given(st.integers(0, 500), st.integers(1, 50), st.integers(1, 100))
def test_every_item_is_in_one_task_and_every_task_on_one_page(count, per_task, page_size):
    items = [Item(number) for number in range(count)]
    tasks = bundle(items, per_task)
    assert [item for task in tasks for item in task.items] == items
    assert all(1 <= len(task.items) <= per_task for task in tasks)
    cut = pages(tasks, page_size)
    assert [task for page in cut for task in page] == tasks
    assert all(1 <= len(page) <= page_size for page in cut)
    assert [task.number for task in tasks] == list(range(len(tasks)))


def test_a_page_holds_a_hundred_tasks():
    assert [len(page) for page in pages(bundle([Item(n) for n in range(250)], 1))] == [100, 100, 50]


def test_an_empty_bundle_is_refused():
    with pytest.raises(PlanError, match="carries nothing"):
        bundle([Item(0)], 0)
