"""What a month without a run costs, and what each option of the deployment adds to it."""

from collections.abc import Collection, Mapping

from pipeline.domain.money.cost import (
    COUNTED,
    EXECUTION_SECONDS,
    INSTANCE_MB,
    KB_A_GB,
    Line,
    total,
)
from pipeline.domain.money.prices import Prices, Range, exactly
from pipeline.domain.runs.messages import Queue

HOURS, MINUTES = 730, 43_800  # of a month
# Timers of the function app: one every minute, one every hour.
TIMER_RUNS = MINUTES + HOURS
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
    "Microsoft.Insights/diagnosticSettings",
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
# Every type that the templates make: a test compares them with infra/main.json.
TYPES = (*BY_USE, *FREE, *BILLED)
# What a parameter of the deployment adds, in the numbers that `infra/` creates.
LOG_ALERTS, METRIC_ALERTS, ENDPOINTS, ZONES = 1, 5, 7, 6
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

    `minute` holds what the timer asks in one minute, by kind of operation.
    """
    chosen = [part for name, parts in OPTIONS.items() if name in options for part in parts]
    return [
        *_timers(prices, size_mb),
        *(
            _line(prices, f"timers: {kind}", exactly(minute[kind] * MINUTES), meter)
            for kind, (_, meter) in COUNTED.items()
            if minute.get(kind)
        ),
        *_platform(prices, minute.get("log-record", 0.0)),
        *(_line(prices, what, exactly(amount), meter) for what, amount, meter in chosen),
    ]


def added(prices: Prices) -> dict[str, float]:
    """Return what each option of the deployment, chosen alone, adds to the low end of a month."""
    sums = {
        name: total(
            _line(prices, what, exactly(amount), meter) for what, amount, meter in parts
        ).low
        for name, parts in OPTIONS.items()
    }
    usual = total(_timers(prices, INSTANCE_MB)).low
    sizes = {
        f"instanceMemoryMB {size}": total(_timers(prices, size)).low - usual
        for size in SIZES_MB
        if size != INSTANCE_MB
    }
    return {**sums, **sizes}


def _platform(prices: Prices, records: float) -> list[Line]:
    """List what the platform asks by itself; the engine adds so many log records a minute."""
    starts = prices.assumed("host-starts") * prices.assumed("start-operations")
    kb = prices.assumed("idle-log-kb") + prices.assumed("record-kb") * records
    return [
        _line(
            prices,
            "probes of the queues",
            prices.assumed("probes") * (len(Queue) * MINUTES),
            "queue-operation",
        ),
        _line(prices, "hosts: starts", starts * MINUTES, "blob-other"),
        _line(prices, "hosts: locks", prices.assumed("leases") * MINUTES, "blob-other"),
        _line(prices, "logs, GB", kb * (MINUTES / KB_A_GB), "log-gb"),
    ]


def _timers(prices: Prices, size_mb: int) -> list[Line]:
    gb_seconds = TIMER_RUNS * EXECUTION_SECONDS * size_mb / 1024
    return [
        _line(prices, "timers: executions", exactly(TIMER_RUNS), "function-execution"),
        _line(prices, "timers: GB-seconds", exactly(gb_seconds), "function-gb-second"),
    ]


def _line(prices: Prices, what: str, amount: Range, meter: str) -> Line:
    return Line(what, amount, prices.of_month(meter, amount), meter)
