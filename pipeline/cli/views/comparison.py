"""How the differences between two runs look."""

import re
from collections.abc import Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.domain.outputs.comparison import About, Difference

_SHOWN = 20  # of one kind
_LONGEST = 120
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{8,}\b")
_COLOURS = {"added": "green", "removed": "red", "changed": "yellow"}


def differences(runs: Sequence[str], found: Sequence[Difference]) -> RenderableType:
    """Draw what differs, kind by kind, and name the kinds in which nothing does."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for about, some in groupby(found, key=lambda one: one.about):
        _add(table, about, list(some))
    same = [about for about in About if about not in {one.about for one in found}]
    ends = [Text(f"the same: {', '.join(same)}", "dim")] if same else []
    return Group(Text(" → ".join(runs), "bold"), table, *ends)


def _add(table: Table, about: About, found: Sequence[Difference]) -> None:
    for number, one in enumerate(found[:_SHOWN]):
        sides = [_short(side) for side in (one.before, one.after) if side]
        values = Text.assemble(
            (wording.one_line(one.name, _LONGEST), "bold"), "  ", " → ".join(sides)
        )
        kind = Text(one.change, _COLOURS[one.change] if one.counts else "dim")
        table.add_row(f"  {about}" if number == 0 else "", kind, values)
    if len(found) > _SHOWN:
        table.add_row("", "", f"and {len(found) - _SHOWN:,} more: --json has all")


def _short(value: str) -> str:
    """Put a value on one line; of a digest people compare the beginning."""
    return wording.one_line(_DIGEST.sub(r"\1…", value), _LONGEST)
