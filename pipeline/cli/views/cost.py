"""Draws bills: their lines with amounts, both ends of their costs, and what was assumed."""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.domain.money.cost import Line, total
from pipeline.domain.money.nodes import NodeTime
from pipeline.domain.money.prices import Prices, Range

_SHORT = 100_000  # from here on a number is shortened
_WHOLE = 10  # from here on without a fraction
_UNITS = (("M", 1_000_000), ("k", 1_000))


def bill(lines: Sequence[Line], tariff: Prices, other: Mapping[str, Line] | None = None) -> Table:
    """Draw a bill; `other` has the lines of a second one by name, of which the low end is shown."""
    table = _table("meter")
    for name in ("amount", "low", "high", *(("naive, low",) if other is not None else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for each in lines:
        weak = tariff.meters[each.meter].confidence == "weak"
        cells = [f"  {each.what}{'*' * weak}", amount(each.amount), *_ends(each.cost)]
        table.add_row(*cells, *_beside(each, other))
    theirs = [] if other is None else [f"{total(other.values()).low:,.2f}"]
    name = f"  total, {tariff.currency}"
    table.add_row(name, "", *_ends(total(lines)), *theirs, style="bold")
    return table


def added(sums: Mapping[str, float], currency: str) -> Table:
    """Draw what each parameter of a deployment adds to a month."""
    table = _table("parameter")
    table.add_column(currency, justify="right", no_wrap=True)
    for name, more in sums.items():
        table.add_row(f"  {name}", f"{more:,.2f}")
    return table


def assumed(tariff: Prices) -> Table:
    """Draw each assumption with its range and its source."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for each in tariff.assumptions.values():
        ends = f"  {each.low:g} to {each.high:g} {each.unit}"
        table.add_row(ends, f"{each.what}. Source: {each.source}")
    table.columns[0].no_wrap = True
    table.style = "dim"
    return table


def nodes(time: NodeTime | None, per_hour: float | None, currency: str) -> Text:
    """Write what nodes cost: their work, and the time around it."""
    if time is None:
        return Text("  nodes: unknown, because no pipeline is named")
    around = f"boot {_minutes(time.boot)}, idle at the end {_minutes(time.idle)}"
    work = "unknown until the pipeline has run"
    if time.work is not None:
        work = f"{wording.span(time.work)}, estimated from earlier runs"
    if per_hour is None:
        return Text(f"  {wording.count(time.nodes, 'node')}: work {work}; {around}; no price")
    cost = time.cost(per_hour)
    part = "" if time.work is not None else " besides the work"
    return Text(
        f"  {wording.count(time.nodes, 'node')}: {cost.low:,.2f} to {cost.high:,.2f} {currency}"
        f"{part}: work {work}; {around}"
    )


def amount(of: Range) -> str:
    """Write an amount; large ones are shortened, so that both ends fit."""
    if of.low == of.high:
        return _number(of.low, short=False)
    return f"{_number(of.low)} to {_number(of.high)}"


def _number(value: float, *, short: bool = True) -> str:
    if short and value >= _SHORT:
        unit, size = next((unit, size) for unit, size in _UNITS if value >= size)
        return f"{value / size:.3g}{unit}"
    return f"{value:,.0f}" if value >= _WHOLE or value == int(value) else f"{value:.2g}"


def _minutes(of: Range) -> str:
    return f"{wording.span(of.low)} to {wording.span(of.high)}"


def _ends(cost: Range) -> tuple[str, str]:
    return f"{cost.low:,.2f}", f"{cost.high:,.2f}"


def _beside(each: Line, other: Mapping[str, Line] | None) -> tuple[str, ...]:
    if other is None:
        return ()
    theirs = other.get(each.what)
    return (f"{theirs.cost.low:,.2f}",) if theirs else ("",)


def _table(first: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(f"  {first}", no_wrap=True)
    return table
