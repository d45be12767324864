"""Renders a pool's autoscale formula: what runs asked for just now, or else the pending tasks.

A demand counts until Batch has measured the tasks: for two minutes, or until it expires where
Batch measures nothing, as perhaps in a pool without nodes. The formula itself compares these times
with the clock, so a pool shrinks to zero even if the engine never pushes another formula.
`benchmarks/idling.py` compares it with the formula in Microsoft's documentation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pipeline.domain.definitions.pool import Pool

MAX_LENGTH = 8192  # what Batch accepts
MAX_TERMS = 40  # of each of the two sums
FRESH = timedelta(minutes=2)  # Batch measures pending tasks every 30 seconds
_KEPT = 3  # of so many nodes that were busy on average, one stays for the next run


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run asks of a pool: a number of task slots, until a time."""

    run: str
    slots: int
    expires_at: datetime


def render_formula(
    pool: Pool, demands: Sequence[Demand], now: datetime, life: timedelta = FRESH
) -> str:
    """Write the formula for the demands at a time; the same demands give the same text.

    `life` is the time from a demand to its expiry. While a run asks for anything, one node stays,
    for a program that assembles.
    """
    window = f"TimeInterval_Minute * {pool.idle_minutes}"
    fresh = [replace(each, expires_at=each.expires_at - life + FRESH) for each in demands]
    lines = [
        f"cap = {pool.nodes.maximum}",
        f"slots = {pool.slots}",
        f"demand = {_sum(_terms(pool, demands, now))}",
        f"fresh = {_sum(_terms(pool, fresh, now))}",
        "seen = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 2) > 0",
        "last = max(0, $PendingTasks.GetSample(1))",
        "want = max(fresh, min(demand, 1), seen ? last : max(demand, last))",
        f"enough = $RunningTasks.GetSamplePercent({window}) >= 70",
        f"busy = enough ? avg($RunningTasks.GetSample({window})) : 0",
        f"kept = floor(busy / (slots * {_KEPT}))",
        "nodes = max(0, min(cap, max(ceil(want / slots), kept)))",
        *_targets(pool.nodes.spot_share),
        "$NodeDeallocationOption = taskcompletion",
    ]
    return ";\n".join(lines) + ";\n"


def _targets(spot_share: float) -> list[str]:
    return [
        # The nearest whole number, so that a share holds for one or two nodes too.
        f"spot = floor(nodes * {spot_share:.4g} + 0.5)" if spot_share else "spot = 0",
        "$TargetDedicatedNodes = nodes - spot",
        "$TargetLowPriorityNodes = spot",
    ]


def _sum(terms: Sequence[str]) -> str:
    return " + ".join(terms) or "0"


def _terms(pool: Pool, demands: Sequence[Demand], now: datetime) -> list[str]:
    # A demand beyond the pool's maximum has no effect: cutting it keeps the numbers short.
    most = pool.nodes.maximum * pool.slots
    asked: dict[str, int] = {}
    for demand in sorted(demands, key=lambda demand: demand.expires_at):
        if demand.expires_at > now and demand.slots > 0:
            until = demand.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            asked[until] = min(most, asked.get(until, 0) + demand.slots)
    return [
        f'(time() < time("{until}") ? {slots} : 0)' for until, slots in _merged(asked, most).items()
    ]


def _merged(asked: dict[str, int], most: int) -> dict[str, int]:
    """Merge neighbours until the terms fit; a merged demand lives as long as its longest."""
    size = -(-len(asked) // MAX_TERMS) or 1
    times = list(asked)
    groups = (times[at : at + size] for at in range(0, len(times), size))
    return {group[-1]: min(most, sum(asked[until] for until in group)) for group in groups}
