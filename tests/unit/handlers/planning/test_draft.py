"""Items fill tasks, and tasks fill pages, however often the draft is put aside."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.plans.plan import PAGE_SIZE, Page, PlannedItem, PlannedProgram
from pipeline.domain.plans.split import Item
from pipeline.handlers.planning.draft import Draft
from pipeline.handlers.planning.work import Bookmark, Drawn
from tests.unit.domain.quick import quick


class Template:
    """What a draft asks of its template."""

    def __init__(self, per_task: int) -> None:
        self.definition = SimpleNamespace(bundle=SimpleNamespace(items=per_task))

    def page(self, number: int, tasks) -> Page:
        return Page(
            run="r", generation=1, page=number, program=PlannedProgram(), item_timeout_s=1.0,
            tasks=tuple(tasks),
        )  # fmt: skip

    def item(self, item: Item, _own) -> PlannedItem:
        return PlannedItem(id=item.id)


def drafted(count: int, per_task: int, put_aside: frozenset[int] = frozenset()) -> list[Page]:
    """Draw so many items; at some of them the draft is stored and read again."""
    template, pages = Template(per_task), []
    draft = Draft(template, PAGE_SIZE)
    for number in range(count):
        if number in put_aside and (rest := draft.rest()):
            draft = Draft.resumed(template, PAGE_SIZE, Page.model_validate_json(rest.encode()))
        page = draft.add(Drawn(Bookmark(item=number + 1), Item(number)))
        pages += [page] if page else []
    last = draft.take()
    return [*pages, last] if last else pages


@quick
@given(st.integers(0, 500), st.integers(1, 50), st.frozensets(st.integers(0, 500), max_size=5))
def test_every_item_is_in_one_task_and_every_task_on_one_page(count, per_task, put_aside):
    pages = drafted(count, per_task, put_aside)
    items = [item.id for page in pages for task in page.tasks for item in task.items]
    assert items == list(range(count))
    assert all(1 <= len(task.items) <= per_task for page in pages for task in page.tasks)
    assert all(1 <= len(page.tasks) <= PAGE_SIZE for page in pages)
    numbers = [task.number for page in pages for task in page.tasks]
    assert numbers == list(range(-(-count // per_task)))


@pytest.mark.parametrize(("count", "sizes"), [(250, [100, 100, 50]), (200, [100, 100]), (0, [])])
def test_a_page_holds_a_hundred_tasks(count, sizes):
    assert [len(page.tasks) for page in drafted(count, 1)] == sizes
