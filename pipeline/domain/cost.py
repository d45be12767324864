"""What the control plane costs: metered operations times dated prices; and what idles."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import Field

from pipeline.domain.definition_types import Strict

HOURS, MINUTES, MILLION = 730, 43_800, 1_000_000  # of a month, of a month, items
# Timers of the function app: two every minute, one every hour.
_TIMER_RUNS = 2 * MINUTES + HOURS
GRANTS = {"function-gb-second": 100_000, "function-execution": 250_000}
# An execution of a 2 GB instance is billed for a second at least (unconfirmed), and takes less.
GB_SECONDS = 2.0
# One message and one invocation for each item, and one for its end: what such a design needs.
NAIVE = {
    "event-grid-operation": 4.0,
    "queue-operation": 6.0,
    "table-operation": 4.0,
    "function-execution": 2.0,
    "function-gb-second": 2.0 * GB_SECONDS,
}
# What is deployed and billed while idle, as often as `infra/` makes it; all else there is free or
# by use, and the storage account by its data.
IDLE = {
    "Microsoft.Insights/scheduledQueryRules": "log-alert-month",
    "Microsoft.Insights/metricAlerts": "metric-alert-month",
    "Microsoft.Network/privateEndpoints": "private-endpoint-hour",
    "Microsoft.Network/privateDnsZones": "private-zone-month",
}
BY_USE = (
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Web/serverfarms",
    "Microsoft.Web/sites",
    "Microsoft.EventGrid/topics",
    "Microsoft.EventGrid/systemTopics",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Insights/components",
    "Microsoft.Batch/batchAccounts",
)
FREE = (
    "Microsoft.Resources/resourceGroups",
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Insights/actionGroups",
    "Microsoft.Insights/workbooks",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/virtualNetworks",
)
LOG_ALERTS, METRIC_ALERTS, ENDPOINTS, ZONES = 4, 3, 7, 6


class Meter(Strict):
    """A price, how sure it is, and where it is from."""

    price: float = Field(ge=0)
    per: int = Field(gt=0)
    unit: str
    source: str
    date: date
    confidence: Literal["documented", "quoted", "weak"]


class Prices(Strict):
    """The price file."""

    currency: str
    meters: dict[str, Meter]

    def of(self, meter: str, amount: float) -> float:
        """Return what an amount of a meter costs."""
        found = self.meters[meter]
        return amount * found.price / found.per


class Sample(Strict):
    """What one run in memory asked of the services, by meter."""

    items: int
    tasks: int
    operations: dict[str, float]


class Metered(Strict):
    """Three measured runs, and by what they were measured."""

    date: date
    command: str
    samples: tuple[Sample, Sample, Sample]
    idle_minute: dict[str, float]

    def of(self, items: int, tasks: int) -> dict[str, float]:
        """Estimate the operations of a run: so much for it, for each task and for each item.

        The first two samples differ in tasks alone, the last two keep the share of tasks.
        """
        many, few, large = self.samples
        estimate = {}
        for meter, amount in many.operations.items():
            a_task = (amount - few.operations[meter]) / (many.tasks - few.tasks)
            more = large.operations[meter] - few.operations[meter]
            an_item = (more - a_task * (large.tasks - few.tasks)) / (large.items - few.items)
            a_run = few.operations[meter] - a_task * few.tasks - an_item * few.items
            estimate[meter] = max(0.0, a_run + a_task * tasks + an_item * items)
        return estimate


@dataclass(frozen=True)
class Line:
    """One line of a bill."""

    what: str
    amount: float
    cost: float
    meter: str = ""


def bill(operations: Mapping[str, float], prices: Prices) -> list[Line]:
    """Price operations, in the order of the price file; free grants are not deducted."""
    return [
        Line(meter, operations[meter], prices.of(meter, operations[meter]), meter)
        for meter in prices.meters
        if operations.get(meter)
    ]


def idle(prices: Prices, timer_operations: Mapping[str, float], *, private: bool) -> list[Line]:
    """List what a month without a run costs, whatever the amount of stored data."""
    timers = {
        "function-execution": float(_TIMER_RUNS),
        "function-gb-second": _TIMER_RUNS * GB_SECONDS,
    }
    lines = [
        Line(f"timers: {meter}", amount, prices.of(meter, max(0.0, amount - GRANTS[meter])), meter)
        for meter, amount in timers.items()
    ]
    lines += [
        Line(f"timers: {meter}", amount * MINUTES, prices.of(meter, amount * MINUTES), meter)
        for meter, amount in timer_operations.items()
        if amount
    ]
    fixed = [("log alerts", LOG_ALERTS, "log-alert-month")]
    fixed.append(("metric alerts", METRIC_ALERTS, "metric-alert-month"))
    if private:
        fixed.append(("private endpoints", ENDPOINTS * HOURS, "private-endpoint-hour"))
        fixed.append(("private DNS zones", ZONES, "private-zone-month"))
    return lines + [Line(what, n, prices.of(meter, n), meter) for what, n, meter in fixed]


def naive(measured: Metered, items: int) -> dict[str, float]:
    """Estimate the naive design's operations; its blobs are taken to be ours at one item a task."""
    ours = measured.of(items, items)
    blobs = {meter: ours[meter] for meter in ("blob-read", "blob-write")}
    return {**{meter: amount * items for meter, amount in NAIVE.items()}, **blobs}


def alone(prices: Prices, tasks: int) -> float:
    """Return what it costs more when receipts come one by one, and each wakes an invocation."""
    executions = prices.of("function-execution", tasks)
    return executions + prices.of("function-gb-second", tasks * GB_SECONDS)


def total(lines: list[Line]) -> float:
    """Add up a bill."""
    return sum(line.cost for line in lines)
