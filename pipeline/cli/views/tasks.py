"""How the tasks of a run look: their seconds by what they were for, and a table of the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.results import TaskResult, TaskSeconds, TaskState

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


def table(tasks: Sequence[TaskLine], seconds: TaskSeconds) -> RenderableType:
    """Draw tasks, at most 200 of them, below what their seconds were for."""
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for name in _COLUMNS:
        drawn.add_column(name, justify="right" if name in _NUMBERS else "left")
    for task in tasks[:_SHOWN]:
        drawn.add_row(*_cells(task))
    rest = len(tasks) - _SHOWN
    more = [Text(f"and {wording.count(rest, 'more task')}: --json has all", "dim")] * (rest > 0)
    return Group(Text(_head(len(tasks), seconds), "bold"), drawn, *more)


def spent(seconds: TaskSeconds) -> str:
    """Write what the seconds of tasks were for: `download 12.0 s of 20.0 s, ...`."""
    span = wording.span
    whole = span(seconds.download + seconds.run + seconds.upload)
    apart = f"run {span(seconds.run)}, upload {span(seconds.upload)}"
    return f"download {span(seconds.download)} of {whole}, {apart}"


def _head(tasks: int, seconds: TaskSeconds) -> str:
    """Say how many tasks there are, and sum the seconds of those of which all are known."""
    unknown = tasks - seconds.tasks
    note = f"; unknown of {wording.count(unknown, 'task')}" if unknown else ""
    told = f": {spent(seconds)}" if seconds.tasks else ""
    return f"{wording.count(tasks, 'task')}{told}{note}"


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
