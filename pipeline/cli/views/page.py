"""How one run looks: all of it in a pipe, and as much as one screen holds on a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.cli.views.runs import arrow, standing
from pipeline.cli.views.tasks import spent
from pipeline.domain.runs.asking.history import Asked
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import OUTPUT
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.handlers.collecting.standing import FailedItem, Standing

_LABELS = 16  # columns
_LONGEST = 300  # characters of a value in a pipe
_PROMPT = 2  # lines


@dataclass(frozen=True)
class _Detail:
    """How much is drawn: files, failures, lines of each, characters of a text, earlier acts."""

    files: int
    failures: int
    lines: int
    characters: int
    acts: int


_FULL = _Detail(20, 10, 200, 2000, 5)
_LESS = (
    _FULL,
    _Detail(10, 3, 8, 400, 5),
    _Detail(5, 1, 8, 240, 2),
    _Detail(3, 1, 3, 160, 1),
    _Detail(1, 1, 1, 80, 1),
)


@dataclass(frozen=True)
class Page:
    """Everything about one run; a terminal gets what fits its height, and names fit its width."""

    where: Standing
    manifest: Manifest | None
    failed: Sequence[FailedItem]
    now: datetime

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw with the most detail that the screen holds."""
        if not console.is_terminal:
            yield self._drawn(_FULL, None)
            return
        for detail in _LESS:
            drawn = self._drawn(detail, options.max_width - _LABELS)
            lines = console.render_lines(drawn, options.update(height=None), pad=False)
            if len(lines) <= console.height - _PROMPT:
                break
        yield drawn

    def _drawn(self, detail: _Detail, width: int | None) -> RenderableType:
        run = self.where.run
        facts = _facts(self.where, self.manifest, detail, width)
        parts: list[RenderableType] = [standing(self.where, self.now), Text(), facts]
        if run.error:
            parts += [Text(), Text(_cut(visible(run.error), detail), "red")]
        if self.where.remedy:
            parts.append(arrow(self.where.remedy))
        if run.over and (said := _nothing_written(run)):
            parts += [Text(), Text(said, "yellow")]
        if self.failed:
            parts += [Text(), _failures(self.failed, run, detail)]
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


def _facts(
    where: Standing, manifest: Manifest | None, detail: _Detail, width: int | None
) -> RenderableType:
    """Draw the input, the output and the cost of a run, and what its largest item took."""
    run = where.run
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(where, detail):
        if value:
            shown = wording.one_line(value, _LONGEST if width is None else 2000)
            table.add_row(f"  {name}", Text(wording.shortened(shown, width)))
    if run.output:
        table.add_row("  output", Text(f"{OUTPUT}/{run.names.output_folder}/"))
        total = f"{wording.count(run.output.files, 'file')}, {wording.size(run.output.bytes)}"
        table.add_row("", Text(total, "dim"))
    if manifest and manifest.files:
        for file in manifest.files[: detail.files]:
            size = wording.size(file.size)
            room = None if width is None else width - len(size) - 4
            table.add_row("", Text(f"  {wording.shortened(visible(file.name), room)}  {size}"))
        if len(manifest.files) > detail.files:
            table.add_row("", f"  and {len(manifest.files) - detail.files:,} more")
    if run.output and run.output.files and not run.error:
        table.add_row("", Text(f"fanfare get {run.id} fetches it", "dim"))
    return table


def _rows(where: Standing, detail: _Detail) -> list[tuple[str, str]]:
    run = where.run
    return [
        ("input", f"{run.input.container}/{run.input.name}" if run.input else ""),
        ("parameters", ", ".join(f"{k}={v}" for k, v in run.parameters.items())),
        ("generation", str(run.generation) if run.generation > 1 else ""),
        *((f"{entry.act} by", _entry(entry)) for entry in run.asked[-detail.acts :]),
        ("cause", str(run.cause or "")),
        ("purged", _purged(run)),
        ("ran on", ", ".join(f"{use} ×{use.tasks:,}" for use in run.devices)),
        ("peak", _taken(where.peak_memory, where.peak_disk)),
        ("task seconds", spent(run.task_seconds) if run.task_seconds else ""),
        ("cost", wording.cost(run.node_seconds, run.cost, run.currency) if run.over else ""),
    ]


def _entry(entry: Asked) -> str:
    """Write who asked for something, and when."""
    also = f" ({entry.by.id})" if entry.by.id else ""
    return f"{entry.by}{also}, {entry.at:%F %T} UTC"


def _purged(run: Run) -> str:
    if run.purged_at is None:
        return ""
    return f"on {run.purged_at:%Y-%m-%d}: plan, logs and receipts are deleted"


def _failures(failed: Sequence[FailedItem], run: Run, detail: _Detail) -> RenderableType:
    """Draw failed items, with the last lines that they printed."""
    parts: list[RenderableType] = []
    for found in failed[: detail.failures]:
        item = found.item
        code = f", exit code {item.exit_code}" if item.exit_code is not None else ""
        taken = f", {_taken(item.memory, item.disk)}" if item.memory or item.disk else ""
        head = f"item {item.id} ({found.unit}): {item.cause}{code}, {item.tries} tries{taken}"
        parts.append(Text(head, "red"))
        if item.tail.strip():
            tail = "\n".join(visible(item.tail.strip()).splitlines()[-detail.lines :])
            tail = tail[-2 * detail.characters :]
            parts.append(Padding(Text(tail, "dim"), (0, 0, 0, 4)))
    rest = len(failed) - detail.failures
    more = f"{rest:,} more; " if rest > 0 else ""
    parts.append(Text(f"{more}fanfare logs {run.id} shows all of it", "dim"))
    return Group(*parts)


def _cut(text: str, detail: _Detail) -> str:
    return text if len(text) <= detail.characters else f"{text[: detail.characters - 1]}…"


def _taken(memory: int, disk: int) -> str:
    """Write what an item took at most; nothing of what nobody measured."""
    taken = [(memory, "of memory"), (disk, "of disk")]
    return ", ".join(f"{wording.size(size)} {what}" for size, what in taken if size)
