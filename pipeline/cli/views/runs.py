"""How runs look: as a line, a table or a page. Makes renderables; reads and decides nothing."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.domain.runs.asking.history import Asked
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import OUTPUT
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.handlers.collecting.standing import FailedItem, Standing

_BAR = 32
_FILES_SHOWN = 20
_ASKED_SHOWN = 5
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
    return reason, _arrow(obstacle.remedy)


def _arrow(remedy: str) -> Text:
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


def page(
    where: Standing, manifest: Manifest | None, failed: Sequence[FailedItem], now: datetime
) -> RenderableType:
    """Draw everything about one run."""
    run = where.run
    parts: list[RenderableType] = [standing(where, now), Text(), facts(where, manifest)]
    if run.error:
        parts += [Text(), Text(visible(run.error), "red")]
    if where.remedy:
        parts.append(_arrow(where.remedy))
    if run.over and (said := _nothing_written(run)):
        parts += [Text(), Text(said, "yellow")]
    if failed:
        parts += [Text(), failures(failed, run)]
    return Group(*parts)


def _nothing_written(run: Run) -> str:
    """Warn of programs that ended well and wrote nothing, which is mostly a mistake."""
    if run.without_output:
        items = wording.count(run.without_output, "item")
        return (
            f"{items} succeeded without writing a file into the output folder. If each has to "
            "write one, set task.require_output: true."
        )
    return "The output has no files." if run.output and not run.output.files else ""


def facts(where: Standing, manifest: Manifest | None) -> RenderableType:
    """Draw the input, the output and the cost of a run, and what its largest item took."""
    run = where.run
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    rows = [
        ("input", _input(run)),
        ("parameters", ", ".join(f"{k}={v}" for k, v in run.parameters.items())),
        ("generation", str(run.generation) if run.generation > 1 else ""),
        *((f"{entry.act} by", _entry(entry)) for entry in run.asked[-_ASKED_SHOWN:]),
        ("cause", str(run.cause or "")),
        ("purged", _purged(run)),
        ("ran on", ", ".join(f"{use} ×{use.tasks:,}" for use in run.devices)),
        ("peak", _taken(where.peak_memory, where.peak_disk)),
        ("cost", wording.cost(run.node_seconds, run.cost, run.currency) if run.over else ""),
    ]
    for name, value in rows:
        if value:
            table.add_row(f"  {name}", Text(wording.one_line(value)))
    if run.output:
        table.add_row("  output", Text(f"{OUTPUT}/{run.names.output_folder}/"))
        total = f"{wording.count(run.output.files, 'file')}, {wording.size(run.output.bytes)}"
        table.add_row("", Text(total, "dim"))
    if manifest:
        for file in manifest.files[:_FILES_SHOWN]:
            table.add_row("", Text(f"  {visible(file.name)}  {wording.size(file.size)}"))
        if len(manifest.files) > _FILES_SHOWN:
            table.add_row("", f"  and {len(manifest.files) - _FILES_SHOWN:,} more")
    return table


def _entry(entry: Asked) -> str:
    """Write who asked for something, and when."""
    also = f" ({entry.by.id})" if entry.by.id else ""
    return f"{entry.by}{also}, {entry.at:%F %T} UTC"


def _purged(run: Run) -> str:
    if run.purged_at is None:
        return ""
    return f"on {run.purged_at:%Y-%m-%d}: plan, logs and receipts are deleted"


def failures(failed: Sequence[FailedItem], run: Run) -> RenderableType:
    """Draw failed items, with the last lines that they printed."""
    parts: list[RenderableType] = []
    for found in failed:
        item = found.item
        code = f", exit code {item.exit_code}" if item.exit_code is not None else ""
        taken = f", {_taken(item.memory, item.disk)}" if item.memory or item.disk else ""
        head = f"item {item.id} ({found.unit}): {item.cause}{code}, {item.tries} tries{taken}"
        parts.append(Text(head, "red"))
        if item.tail.strip():
            parts.append(Padding(Text(visible(item.tail.strip()), "dim"), (0, 0, 0, 4)))
    parts.append(Text(f"fanfare logs {run.id} shows all of it", "dim"))
    return Group(*parts)


def _taken(memory: int, disk: int) -> str:
    """Write what an item took at most; nothing of what nobody measured."""
    taken = [(memory, "of memory"), (disk, "of disk")]
    return ", ".join(f"{wording.size(size)} {what}" for size, what in taken if size)


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
