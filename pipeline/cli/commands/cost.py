"""`fanfare cost`: what an idle deployment costs, and what items cost besides their nodes."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Annotated

import typer
import yaml
from rich.console import Group, RenderableType
from rich.text import Text

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.history import History, history
from pipeline.cli.session import Session
from pipeline.cli.views import cost as drawn
from pipeline.cli.views import wording
from pipeline.domain.definitions.room import slots_of
from pipeline.domain.money import cost as costs
from pipeline.domain.money import idle
from pipeline.domain.money.cost import Line, Metered
from pipeline.domain.money.nodes import NodeTime, node_time
from pipeline.domain.money.prices import Prices
from pipeline.errors import FanfareError

_LEFT_OUT = (
    "  Not included: stored data, traffic, metrics of the host while runs work. Free grants are "
    "deducted only from the low end of the idle month, as if nothing else used them; its high end "
    "has none. For blobs, the naive design is assumed to need what the engine needs at one item "
    "per task; its nodes are the same."
)
_STAR = "  * weak or unconfirmed price: pipeline/prices.yaml has the source and date of each price"


@dataclass(frozen=True)
class _Work:
    """How many items a task carries, and the time and price of nodes, if a pipeline is named."""

    bundle: int
    nodes: NodeTime | None = None
    per_hour: float | None = None


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
    tariff, measured = prices(), metered()
    work = _work(session, tariff, pipeline, (items, bundle))
    chosen = {"alertEmail": alerts, "privateNetwork": private_network}
    options = [name for name, wanted in chosen.items() if wanted]
    month = idle.month(tariff, measured.idle_minute, options)
    tasks = -(-items // work.bundle)
    ours = costs.run_bill(measured.of(items, tasks), tasks, tariff)
    naive = costs.bill(costs.naive(measured, items), tariff)
    answer = {
        "currency": tariff.currency,
        "idle": {**_part(month, "month"), "options": options, "added": idle.added(tariff)},
        "items": items,
        "items_per_task": work.bundle,
        "control_plane": _part(ours),
        "naive": _part(naive),
        "nodes": _nodes(work),
        "measured": {"date": str(measured.date), "command": measured.command},
        "assumptions": {n: a.model_dump() for n, a in tariff.assumptions.items()},
        "prices": {n: m.model_dump(mode="json") for n, m in tariff.meters.items()},
    }
    count = f"{wording.count(items, 'item')}, {work.bundle} per task"
    rows: list[RenderableType] = [
        *_idle(month, options, tariff),
        Text(f"{count}; naive: one message and invocation per item", "bold"),
        drawn.bill(ours, tariff, {each.what: each for each in naive}),
        drawn.nodes(work.nodes, work.per_hour, tariff.currency),
    ]
    session.answer(answer, Group(*rows, *_footnotes(tariff, measured)))


def _idle(month: list[Line], options: list[str], tariff: Prices) -> list[RenderableType]:
    """Draw what a month without a run costs, and what each parameter of a deployment adds."""
    given = f" with {' and '.join(options)}" if options else ""
    return [
        Text(f"A month without a run{given}", "bold"),
        drawn.bill(month, tariff),
        Text(),
        Text("What a parameter of the deployment adds to the low end of such a month", "bold"),
        drawn.added(idle.added(tariff), tariff.currency),
        Text(),
    ]


def _work(
    session: Session, tariff: Prices, pipeline: str | None, asked: tuple[int, int | None]
) -> _Work:
    """Return the items per task, and the time of nodes if a pipeline is named.

    `asked` holds the items, and the items per task if those of the pipeline do not count.
    """
    items, bundle = asked
    if pipeline is None:
        return _Work(bundle or 1)
    catalogue = session.definitions()
    definition = catalogue.pipeline(pipeline)
    pool, carried = catalogue.pools[definition.pool], bundle or definition.bundle.items
    an_item = _history(session, pipeline).node_seconds_per_item
    slots = -(-items // carried) * slots_of(definition.task, pool)
    nodes = node_time(tariff, pool, slots, an_item and an_item * items)
    return _Work(carried, nodes, pool.per_hour)


def _part(lines: list[Line], name: str = "total") -> dict[str, object]:
    return {name: asdict(costs.total(lines)), "lines": [asdict(line) for line in lines]}


def _nodes(work: _Work) -> dict[str, object]:
    """Return what is known of the nodes; each is None while nothing is."""
    nodes, per_hour = work.nodes, work.per_hour
    cost = None if nodes is None or per_hour is None else asdict(nodes.cost(per_hour))
    known = nodes is not None and nodes.work is not None
    return {**(asdict(nodes) if nodes else {}), "work_known": known, "cost": cost}


def _footnotes(tariff: Prices, measured: Metered) -> list[RenderableType]:
    source = f"  measured on {measured.date} with `{measured.command}`"
    dates = sorted(meter.date for meter in tariff.meters.values())
    priced = f"  prices of {dates[0]} to {dates[-1]}"
    notes = [Text(line, "dim") for line in (_STAR, priced, source, _LEFT_OUT)]
    if warning := aged(tariff, datetime.now(UTC).date()):
        notes.append(Text(warning, "yellow"))
    heading = Text("Assumed, low to high", "bold")
    return [Text(), heading, drawn.assumed(tariff), Text(), *notes]


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
        return history(session.door, pipeline)
    except FanfareError:
        return History()
