"""What a month without a run costs, and what each option of the deployment adds to it."""

from collections.abc import Collection, Mapping

from pipeline.domain.money.cost import EXECUTION_SECONDS, INSTANCE_MB, Line, Prices, total
from pipeline.domain.runs.messages import Queue

HOURS, MINUTES = 730, 43_800  # of a month
# Timers of the function app: one every minute, one every hour.
TIMER_RUNS = MINUTES + HOURS
# About every 10 s, the scale controller asks each queue that has a trigger for its length, whether
# an instance lives or not (Azure/azure-functions-durable-extension issue 391).
PROBES = len(Queue) * MINUTES * 6
SIZES_MB = (512, 2048, 4096)  # of an instance

# What is billed while idle. All else is free or billed by use; the storage account is billed by its
# data.
BILLED = {
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
# What a parameter of the deployment adds, in the numbers that `infra/` creates.
LOG_ALERTS, METRIC_ALERTS, ENDPOINTS, ZONES = 1, 4, 7, 6
OPTIONS: dict[str, tuple[tuple[str, float, str], ...]] = {
    "alertEmail": (
        ("log alerts", LOG_ALERTS, "log-alert-month"),
        ("metric alerts", METRIC_ALERTS, "metric-alert-month"),
    ),
    "privateNetwork": (
        ("private endpoints", ENDPOINTS * HOURS, "private-endpoint-hour"),
        ("private DNS zones", ZONES, "private-zone-month"),
    ),
}


def month(
    prices: Prices,
    minute: Mapping[str, float],
    options: Collection[str] = (),
    size_mb: int = INSTANCE_MB,
) -> list[Line]:
    """List what a month without a run costs, apart from stored data.

    `minute` holds the timer's operations in Storage in one minute, by meter.
    """
    storage = {meter: amount * MINUTES for meter, amount in minute.items() if amount}
    chosen = [part for name, parts in OPTIONS.items() if name in options for part in parts]
    return [
        *_timers(prices, size_mb),
        *(_line(prices, f"timers: {meter}", amount, meter) for meter, amount in storage.items()),
        _line(prices, "probes of the queues", float(PROBES), "queue-operation"),
        *(_line(prices, *part) for part in chosen),
    ]


def added(prices: Prices) -> dict[str, float]:
    """Return what each option of the deployment, chosen alone, adds to a month."""
    sums = {
        name: total([_line(prices, *part) for part in parts]) for name, parts in OPTIONS.items()
    }
    usual = total(_timers(prices, INSTANCE_MB))
    sizes = {
        f"instanceMemoryMB {size}": total(_timers(prices, size)) - usual
        for size in SIZES_MB
        if size != INSTANCE_MB
    }
    return {**sums, **sizes}


def _timers(prices: Prices, size_mb: int) -> list[Line]:
    gb_seconds = TIMER_RUNS * EXECUTION_SECONDS * size_mb / 1024
    return [
        _line(prices, "timers: function-execution", float(TIMER_RUNS), "function-execution"),
        _line(prices, "timers: function-gb-second", gb_seconds, "function-gb-second"),
    ]


def _line(prices: Prices, what: str, amount: float, meter: str) -> Line:
    return Line(what, amount, prices.beyond_free(meter, amount), meter)
