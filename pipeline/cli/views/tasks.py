"""How the tasks of a run look: their seconds by what they were for, and a table of the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.results import TaskResult, TaskState

_SHOWN = 200
_NUMBERS = ("executions", "download", "run", "upload")
_COLUMNS = ("task", "state", "cause", *_NUMBERS, "node")


@dataclass(frozen=True)
class TaskLine:
    """How one task stands; of its seconds None are unknown."""

    task: str
    state: TaskState
    cause: Cause | None
    executions: int
    download_seconds: float | None
    seconds: float
    upload_seconds: float | None
    node: str

    @classmethod
    def of(cls, result: TaskResult) -> Self:
        """Describe a task from its row."""
        return cls(
            result.unit,
            result.state,
            result.cause,
            result.execution + 1,
            result.download_seconds,
            round(result.seconds, 3),
            result.upload_seconds,
            result.node,
        )


def table(tasks: Sequence[TaskLine]) -> RenderableType:
    """Draw tasks, at most 200 of them, below what their seconds were for."""
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for name in _COLUMNS:
        drawn.add_column(name, justify="right" if name in _NUMBERS else "left")
    for task in tasks[:_SHOWN]:
        drawn.add_row(*_cells(task))
    rest = len(tasks) - _SHOWN
    more = [Text(f"and {wording.count(rest, 'more task')}: --json has all", "dim")] * (rest > 0)
    return Group(Text(_spent(tasks), "bold"), drawn, *more)


def _spent(tasks: Sequence[TaskLine]) -> str:
    """Sum the seconds of the tasks of which all are known."""
    head = wording.count(len(tasks), "task")
    parts = [
        (task.download_seconds, task.seconds, task.upload_seconds)
        for task in tasks
        if task.download_seconds is not None and task.upload_seconds is not None
    ]
    unknown = len(tasks) - len(parts)
    note = f"; unknown of {wording.count(unknown, 'task')}" if unknown else ""
    if not parts:
        return f"{head}{note}"
    download, run, upload = (sum(part) for part in zip(*parts, strict=True))
    whole = wording.span(download + run + upload)
    apart = f"run {wording.span(run)}, upload {wording.span(upload)}"
    return f"{head}: download {wording.span(download)} of {whole}, {apart}{note}"


def _cells(task: TaskLine) -> tuple[Text, ...]:
    return (
        Text(task.task),
        Text(task.state),
        Text(str(task.cause or "")),
        Text(f"{task.executions:,}"),
        _seconds(task.download_seconds),
        _seconds(task.seconds),
        _seconds(task.upload_seconds),
        Text(wording.one_line(task.node)),
    )


def _seconds(value: float | None) -> Text:
    return Text("?", "dim") if value is None else Text(f"{value:.1f}")
