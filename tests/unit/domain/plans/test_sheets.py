"""Sheets: small pages that hold the same tasks, each in one of them."""

import json

import pytest

from pipeline.domain.plans.plan import Page, PlannedItem, PlannedProgram, PlannedTask
from pipeline.domain.plans.sheets import SHEET_BYTES, sheets


def page_of(*words: int) -> Page:
    """Make a page whose tasks have one item each, with a parameter of so many characters."""
    return Page(
        run="job-0123",
        generation=2,
        page=3,
        program=PlannedProgram(file="work.py"),
        item_timeout_s=60.0,
        tries={"program-failed": 2},
        tasks=tuple(
            PlannedTask(number=n, items=(PlannedItem(id=n, parameters={"w": "é" * count}),))
            for n, count in enumerate(words, 300)
        ),
    )


def test_all_tasks_of_a_small_page_share_one_sheet():
    page = page_of(1, 2, 3)
    (sheet,) = sheets(page.encode())
    assert sheet.tasks == (300, 301, 302)
    assert Page.model_validate_json(sheet.content) == page


@pytest.mark.parametrize("words", [(36_000,) * 10, (90_000, 1, 1, 90_000), (1, 300_000)])
def test_each_task_is_on_one_sheet_as_it_is_on_the_page(words):
    page = page_of(*words)
    cut = list(sheets(page.encode()))
    assert len(cut) > 1
    read = [Page.model_validate_json(sheet.content) for sheet in cut]
    assert [task for part in read for task in part.tasks] == list(page.tasks)
    assert [tuple(task.number for task in part.tasks) for part in read] == [s.tasks for s in cut]
    assert all(part.model_copy(update={"tasks": page.tasks}) == page for part in read)


@pytest.mark.parametrize("words", [(8000,) * 100, (80_000,) * 7])
def test_a_sheet_with_several_tasks_has_at_most_128_kib_of_them(words):
    page = page_of(*words)
    head = len(page.model_copy(update={"tasks": ()}).encode())
    for sheet in sheets(page.encode()):
        assert len(sheet.tasks) == 1 or len(sheet.content) - head <= SHEET_BYTES + 100


def test_a_page_without_tasks_has_no_sheet():
    assert list(sheets(page_of().encode())) == []


def test_what_a_later_release_writes_reaches_its_runner():
    page = json.loads(page_of(40_000, 90_000).encode())
    page["later"] = {"é": 1.5}
    page["tasks"][1]["later"] = page["tasks"][1]["items"][0]["later"] = [None, "x"]
    cut = [json.loads(sheet.content) for sheet in sheets(json.dumps(page).encode())]
    assert [task for part in cut for task in part["tasks"]] == page["tasks"]
    assert [part["later"] for part in cut] == [page["later"]] * 2


def test_other_content_has_another_name():
    names = {sheet.digest for words in (1, 2) for sheet in sheets(page_of(words).encode())}
    assert len(names) == 2
