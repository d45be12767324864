"""How the items of a run look: counts, and a table of the first ones."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.domain.outputs.item_index import ItemState

_SHOWN = 200
_COLUMNS = ("item", "state", "cause", "tries", "seconds", "node")
_COLOURS = {"succeeded": "green", "failed": "red"}


def table(items: Sequence[ItemState]) -> RenderableType:
    """Draw items, at most 200 of them, below how many there are of each state."""
    counted = Counter(item.state for item in items)
    head = ", ".join(f"{number:,} {state}" for state, number in sorted(counted.items()))
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for name in _COLUMNS:
        drawn.add_column(name, justify="right" if name in ("item", "tries", "seconds") else "left")
    for item in items[:_SHOWN]:
        drawn.add_row(*_cells(item))
    rest = len(items) - _SHOWN
    more = [Text(f"and {wording.count(rest, 'more item')}: --json has all", "dim")] * (rest > 0)
    return Group(Text(head or "no item", "bold"), drawn, *more)


def _cells(item: ItemState) -> tuple[Text, ...]:
    known = item.state != "open"
    return (
        Text(f"{item.item:,}"),
        Text(item.state, _COLOURS.get(item.state, "dim")),
        Text(str(item.cause or "")),
        Text(str(item.tries) if known else ""),
        Text(f"{item.seconds:.1f}" if known else ""),
        Text(item.node),
    )
