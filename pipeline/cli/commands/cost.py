"""`fanfare cost`: what an idle deployment costs, and what items cost besides their nodes."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated

import typer
import yaml
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.history import History, history
from pipeline.cli.session import Session
from pipeline.cli.views import wording
from pipeline.domain.money import cost as costs
from pipeline.domain.money import idle
from pipeline.domain.money.cost import Line, Metered, Prices
from pipeline.errors import FanfareError

_LEFT_OUT = (
    "  Not included: stored data, telemetry, leases and polling of queues by the Functions host, "
    "traffic. Free grants are deducted only from the idle month, as if nothing else used them. For "
    "blobs, the naive design is assumed to need what the engine needs at one item per task; its "
    "nodes are the same."
)
_STAR = "  * weak or unconfirmed price: pipeline/prices.yaml has the source and date of each price"


def prices() -> Prices:
    """Read the price file."""
    return Prices.model_validate(yaml.safe_load((APP_ROOT / "pipeline/prices.yaml").read_text()))


def metered() -> Metered:
    """Read the file of measured operations."""
    return Metered.model_validate_json((APP_ROOT / "pipeline/metered.json").read_text("utf-8"))


def cost(
    context: typer.Context,
    pipeline: Annotated[
        str | None, typer.Argument(help="Use its bundles and nodes; default: one item per task.")
    ] = None,
    items: Annotated[int, typer.Option(min=1, max=10**9, help="Number of items.")] = costs.MILLION,
    bundle: Annotated[
        int | None,
        typer.Option("--bundle", min=1, help="Items per task; default: as the pipeline says."),
    ] = None,
    private_network: Annotated[
        bool, typer.Option("--private-network", help="Include private endpoints.")
    ] = False,
    alerts: Annotated[bool, typer.Option("--alerts", help="Include alerts by mail.")] = False,
) -> None:
    """Print the cost of an idle month, and of items compared with the naive design."""
    session: Session = context.obj
    bundle, seconds, nodes = _work(session, pipeline, items, bundle)
    tariff, measured = prices(), metered()
    chosen = {"alertEmail": alerts, "privateNetwork": private_network}
    options = [name for name, wanted in chosen.items() if wanted]
    month = idle.month(tariff, measured.idle_minute, options)
    ours = costs.bill(measured.of(items, -(-items // bundle)), tariff)
    naive = costs.bill(costs.naive(measured, items), tariff)
    worst = costs.total(ours) + costs.alone(tariff, -(-items // bundle))
    answer = {
        "currency": tariff.currency,
        "idle": {**_part(month, "month"), "options": options, "added": idle.added(tariff)},
        "items": items,
        "items_per_task": bundle,
        "control_plane": {**_part(ours), "at_worst": worst},
        "naive": _part(naive),
        "nodes": {"node_seconds": seconds, "cost": nodes},
        "measured": {"date": str(measured.date), "command": measured.command},
        "prices": {n: m.model_dump(mode="json") for n, m in tariff.meters.items()},
    }
    count = wording.count(items, "item")
    rows: list[RenderableType] = [
        *_idle(month, options, tariff),
        Text(f"{count}, {bundle} per task; naive: one message and invocation per item", "bold"),
        _bill(_beside(ours, naive), tariff),
        Text(f"  {worst:,.2f} {tariff.currency} if each receipt starts an invocation of its own"),
        Text(f"  nodes: {_nodes(nodes, tariff)}"),
    ]
    session.answer(answer, Group(*rows, *_footnotes(measured, tariff)))


def _idle(month: list[Line], options: list[str], tariff: Prices) -> list[RenderableType]:
    """Draw what a month without a run costs, and what each parameter of a deployment adds."""
    given = f" with {' and '.join(options)}" if options else ""
    return [
        Text(f"A month without a run{given}", "bold"),
        _bill([(line, None) for line in month], tariff),
        Text(),
        Text("What a parameter of the deployment adds to such a month", "bold"),
        _added(tariff),
        Text(),
    ]


def _work(
    session: Session, pipeline: str | None, items: int, bundle: int | None
) -> tuple[int, float | None, float | None]:
    """Return the items per task, and the node-seconds and cost if earlier runs are known."""
    if pipeline is None:
        return bundle or 1, None, None
    catalogue = session.definitions()
    definition = catalogue.pipeline(pipeline)
    an_item = _history(session, pipeline).node_seconds_per_item
    seconds, per_hour = an_item and an_item * items, catalogue.pools[definition.pool].per_hour
    if seconds is None or per_hour is None:
        return bundle or definition.bundle.items, seconds, None
    return bundle or definition.bundle.items, seconds, seconds * per_hour / 3600


def _part(lines: list[Line], name: str = "total") -> dict[str, object]:
    return {name: costs.total(lines), "lines": [asdict(line) for line in lines]}


def _footnotes(measured: Metered, tariff: Prices) -> list[RenderableType]:
    source = f"  measured on {measured.date} with `{measured.command}`"
    notes = [Text(line, "dim") for line in (_STAR, source, _LEFT_OUT)]
    if warning := aged(tariff, datetime.now(UTC).date()):
        notes.append(Text(warning, "yellow"))
    return [Text(), *notes]


def aged(tariff: Prices, today: date) -> str:
    """Warn of prices that were noted long ago; empty if none was."""
    old = tariff.old(today)
    if not old:
        return ""
    since = tariff.meters[old[0]].date
    return (
        f"  {wording.count(len(old), 'price')} were noted more than 180 days ago, the oldest on "
        f"{since}: compare pipeline/prices.yaml with Azure's price list"
    )


def _history(session: Session, pipeline: str) -> History:
    """Read what earlier runs took; without a target there are none."""
    try:
        return history(session.engine, pipeline)
    except FanfareError:
        return History()


def _nodes(nodes: float | None, tariff: Prices) -> str:
    if nodes is None:
        return "unknown: name a pipeline that has run, and whose pool has a price"
    return f"{wording.money(nodes, tariff.currency)}, estimated from earlier runs"


def _beside(ours: list[Line], naive: list[Line]) -> list[tuple[Line, Line | None]]:
    theirs = {line.meter: line for line in naive}
    return [(line, theirs.get(line.meter)) for line in ours]


def _added(tariff: Prices) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  parameter", no_wrap=True)
    table.add_column(tariff.currency, justify="right", no_wrap=True)
    for name, more in idle.added(tariff).items():
        table.add_row(f"  {name}", f"{more:,.2f}")
    return table


def _bill(rows: list[tuple[Line, Line | None]], tariff: Prices) -> RenderableType:
    both = any(other for _, other in rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  meter", no_wrap=True)
    for name in ("amount", tariff.currency, *(("naive", tariff.currency) if both else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for line, other in rows:
        weak = tariff.meters[line.meter].confidence == "weak"
        cells = [f"  {line.what}{'*' * weak}", f"{line.amount:,.0f}", f"{line.cost:,.2f}"]
        more = [f"{other.amount:,.0f}", f"{other.cost:,.2f}"] if other else ["", ""]
        table.add_row(*cells, *(more if both else []))
    sums = ["  total", "", f"{sum(line.cost for line, _ in rows):,.2f}"]
    theirs = ["", f"{sum(other.cost for _, other in rows if other):,.2f}"] if both else []
    table.add_row(*sums, *theirs, style="bold")
    return table
