"""How runs look: as a line or a table. Makes renderables; reads and decides nothing."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.run import Run
from pipeline.handlers.collecting.standing import Standing

_BAR = 32
_COLUMNS = ("run", "state", "waits for", "items", "started", "took", "cost", "input")
_NARROWEST, _GAP = 12, 2
_COLOURS = {
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.CANCELLED: "yellow",
    State.CANCELLING: "yellow",
    State.WAITING: "yellow",
}
_SIGNS = {State.SUCCEEDED: "✔", State.FAILED: "✘", State.CANCELLED: "■", State.WAITING: "…"}


def state_text(state: State) -> Text:
    """Write a state in its colour."""
    return Text(f"{_SIGNS.get(state, '▸')} {state}", _COLOURS.get(state, "cyan"))


def standing(where: Standing, now: datetime) -> RenderableType:
    """Draw a run that is watched: state, bar, counts, what it waits for, and the remedy."""
    run = where.run
    head = Text.assemble((run.id, "bold"), "  ", state_text(run.state))
    line = Table.grid(padding=(0, 2))
    line.add_row(_bar(where), counts(where), Text(_took(run, now), "dim"))
    if run.over:
        return Group(head, line)
    # Both lines stay even if they are empty, so that the lines below do not jump.
    return Group(head, line, *waits_for(where.obstacle))


def waits_for(obstacle: Obstacle | None) -> tuple[Text, Text]:
    """Write what a run waits for, and the remedy, each on one line."""
    if obstacle is None:
        return Text(), Text()
    reason = Text.assemble((f"{obstacle.code}: ", "bold"), wording.one_line(obstacle.evidence))
    return reason, arrow(obstacle.remedy)


def arrow(remedy: str) -> Text:
    """Write a remedy on one line."""
    return Text(wording.one_line(f"→ {remedy}") if remedy else "", "cyan")


def counts(where: Standing) -> Text:
    """Write how many items are done and failed, and their node-seconds."""
    text = Text(f"{where.done:,} of {where.items:,} items" if where.items else "no items yet")
    if where.failed:
        text.append(f"  {where.failed:,} failed", "red")
    if where.node_seconds:
        text.append(f"  {where.node_seconds:,.1f} node-seconds", "dim")
    return text


def plain_line(where: Standing) -> str:
    """Write the state of a run on one line, for logs and pipes."""
    done = f"{where.done}/{where.items} items" if where.items else "no items yet"
    failed = f", {where.failed} failed" if where.failed else ""
    waits = f": {where.obstacle.code}: {where.obstacle}" if where.obstacle else ""
    reason = wording.one_line(waits) if waits and not where.run.over else ""
    return f"{where.run.id} {where.run.state} {done}{failed}{reason}"


def run_table(listed: Sequence[Run], now: datetime, width: int) -> RenderableType:
    """Draw a list of runs; columns that do not fit the width are left out."""
    if not listed:
        return Text("No runs yet: `fanfare run PIPELINE FILE` starts one.", "dim")
    rows = [_cells(run, now) for run in listed]
    table = Table(box=None, pad_edge=False, header_style="dim")
    shown: list[tuple[Text, ...]] = []
    for name, column in zip(_COLUMNS, zip(*rows, strict=True), strict=True):
        needed = max(len(name), *(cell.cell_len for cell in column))
        room = width - sum((known.width or 0) + _GAP for known in table.columns)
        if not any(cell.plain for cell in column):
            continue
        if shown and room < min(needed, _NARROWEST):
            break
        fitting = min(needed, room) if shown else needed
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=fitting)
        shown.append(column)
    for cells in zip(*shown, strict=True):
        table.add_row(*cells)
    return table


def _cells(run: Run, now: datetime) -> tuple[Text, ...]:
    items = f"{run.succeeded:,}" + (f" +{run.failed:,} failed" if run.failed else "")
    waits = str(run.obstacle.code) if run.obstacle and not run.over else ""
    return (
        Text(run.id),
        state_text(run.state),
        Text(waits, "yellow"),
        Text(items if run.over else ""),
        Text(wording.ago(run.created_at, now), "dim"),
        Text(_took(run, now)),
        Text(wording.money(run.cost, run.currency) if run.currency else "", "dim"),
        Text(_input(run), "dim"),
    )


def _bar(where: Standing) -> RenderableType:
    if where.run.over and not where.items:
        return Text()
    total = where.items or 1
    waiting = not where.items and not where.run.over
    finished = "green" if where.run.state is State.SUCCEEDED and not where.failed else "yellow"
    return ProgressBar(
        total, min(where.done, total), width=_BAR, pulse=waiting, finished_style=finished
    )


def _took(run: Run, now: datetime) -> str:
    return wording.span(max(0.0, ((run.ended_at or now) - run.created_at).total_seconds()))


def _input(run: Run) -> str:
    return f"{run.input.container}/{wording.one_line(run.input.name, 120)}" if run.input else ""
