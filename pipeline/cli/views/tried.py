"""How what was tried looks: the items, how one ended, its outputs and its log."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.cli.views.runs import state_text
from pipeline.domain.plans.delivery import united
from pipeline.domain.plans.plan import PlannedItem
from pipeline.domain.plans.split import Span
from pipeline.domain.runs.results import ItemResult
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible

_LINES, _CHARACTERS = 10, 2_000
_LOG_LINES = 200
_FILES = 20
_WIDTH = 200  # characters of a line of a text
HEAD_BYTES = 4_096  # of an output, which is shown if it is text


@dataclass(frozen=True)
class File:
    """An output: its name, size and digest, and its first bytes."""

    name: str
    size: int
    sha256: str
    head: bytes

    @property
    def text(self) -> str | None:
        """The first lines of a text, or None for other data."""
        return beginning(self.head, self.size)


def beginning(head: bytes, size: int) -> str | None:
    """Return the first lines of a text by its first bytes, or None if it is no text."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = len(head) < size and error.start > len(head) - 4  # within a character
        if not cut:
            return None
        text = head[: error.start].decode("utf-8")
    if "\0" in text:
        return None
    shown = visible("\n".join(text.splitlines()[:_LINES])[:_CHARACTERS])
    return shown + "\n…" * (len(shown.encode()) + 1 < size)


def _indented(text: str, depth: int) -> Text:
    """Indent lines, and cut those that are very long."""
    lines = (
        f"{' ' * depth}{line[:_WIDTH]}{'…' * (len(line) > _WIDTH)}" for line in text.split("\n")
    )
    return Text("\n".join(lines), no_wrap=True)


def items(
    known: Sequence[tuple[PlannedItem, Sequence[str]]],
    total: int,
    chosen: int,
    shared: Collection[str],
) -> RenderableType:
    """Draw the first items of a plan and the names of their blobs; mark the one that is tried.

    Parameters that all items share are left out.
    """
    table = Table.grid(padding=(0, 2))
    for item, names in known:
        mark = "▸" if item.id == chosen else " "
        about = wording.one_line(_about(item, names, shared), 100)
        table.add_row(Text(f"  {mark} {item.id:,}"), Text(about, "dim"))
    rest = total - len(known)
    more = [Text(f"    and {wording.count(rest, 'more item')}", "dim")] * (rest > 0)
    return Group(table, *more)


def _about(item: PlannedItem, names: Sequence[str], shared: Collection[str]) -> str:
    """Write what an item is: its blobs, its own parameters, its part of the input."""
    own = ", ".join(
        f"{name}={value}" for name, value in item.parameters.items() if name not in shared
    )
    part = _part([*united(item.spans)])
    return "; ".join(text for text in (", ".join(names), own, part) if text) or "the input"


def _part(spans: Sequence[Span]) -> str:
    """Write which bytes of the input an item gets; of many parts only how many there are."""
    if not spans:
        return ""
    parts = f" in {len(spans):,} parts" * (len(spans) > 1)
    return f"bytes {spans[0][0]:,} to {spans[-1][1]:,}{parts}"


def ended(result: ItemResult) -> Text:
    """Write how an item ended, in one line."""
    sign, colour = ("✔", "green") if result.succeeded else ("✘", "red")
    word = "succeeded" if result.succeeded else str(result.cause)
    code = "no exit code" if result.exit_code is None else f"exit {result.exit_code}"
    numbers = f"{code}, {result.seconds:.2f} s, {wording.size(result.memory)} of memory at most"
    return Text.assemble(f"item {result.id:,}  ", (f"{sign} {word}", colour), f"  {numbers}")


def verdict(run: Run, failed: Sequence[ItemResult]) -> RenderableType:
    """Draw how a whole run ended, with the first items that failed and their last words."""
    head = Text.assemble(
        state_text(run.state), f"  {wording.count(run.succeeded, 'item')} succeeded"
    )
    if run.failed:
        head.append(f", {run.failed:,} failed", "red")
    parts: list[RenderableType] = [head]
    for item in failed:
        parts.append(ended(item))
        parts.append(_indented(visible(item.tail.strip()), 4))
    if run.error and not failed:
        parts.append(Text(f"{run.cause}: {visible(run.error)}", "red"))
    return Group(*parts)


def outputs(files: Sequence[File]) -> RenderableType:
    """Draw outputs, with the first lines of those that are text."""
    if not files:
        return Text("  It wrote no file into its output folder.", "yellow")
    parts: list[RenderableType] = []
    for file in files[:_FILES]:
        parts.append(
            Text.assemble((f"  {visible(file.name)}", "bold"), f"  {wording.size(file.size)}")
        )
        if file.text:
            parts.append(_indented(file.text, 4))
    rest = len(files) - _FILES
    more = [Text(f"  and {wording.count(rest, 'more file')}", "dim")] * (rest > 0)
    return Group(*parts, *more)


def log(text: str) -> RenderableType:
    """Draw what a program printed; of a long log the end."""
    lines = visible(text).splitlines()
    left = len(lines) - _LOG_LINES
    head = [Text(f"  … {wording.count(left, 'line')} before", "dim")] * (left > 0)
    return Group(*head, _indented("\n".join(lines[-_LOG_LINES:]), 2))
