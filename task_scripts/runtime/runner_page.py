"""The page that a task reads: what the engine planned for it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING or __package__:
    from task_scripts.runtime import runner_item as items
    from task_scripts.runtime.files import runner_cut as cuts
else:  # on a node the files are in one folder
    import runner_cut as cuts
    import runner_item as items


class Task(TypedDict):
    """A task: its number, the files of its items, and the items."""

    number: int
    inputs: list[items.InputFile]
    items: list[items.Item]


class Page(TypedDict):
    """What the tasks of a page share, and the tasks."""

    run: str
    generation: int
    program: items.Program
    item_timeout_s: float
    require_output: bool
    output_limits: "dict[str, Any] | None"
    tries: dict[str, int]
    pack: int
    inputs: list[items.InputFile]
    cut: "cuts.Cut | None"
    tasks: list[Task]


def read_task(folder: Path, number: int) -> "tuple[Page, Task]":
    """Read the page of a task, and the task. Raises OSError, ValueError or KeyError."""
    page: Page = json.loads((folder / "page.json").read_bytes())
    for task in page["tasks"]:
        if task["number"] == number:
            return page, task
    raise ValueError(f"page.json has no task {number}")
