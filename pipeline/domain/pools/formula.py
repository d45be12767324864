"""Renders a pool's autoscale formula: the maximum of unexpired demands and pending tasks.

The formula itself compares each demand's expiry with the clock. So a pool shrinks to zero even if
the engine never pushes another formula.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.domain.definitions.pool import Pool

MAX_LENGTH = 8192  # what Batch accepts
MAX_TERMS = 60


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run asks of a pool: a number of task slots, until a time."""

    run: str
    slots: int
    expires_at: datetime


def render_formula(pool: Pool, demands: Sequence[Demand], now: datetime) -> str:
    """Write the formula for the demands at a time; the same demands give the same text."""
    window = f"TimeInterval_Minute * {pool.idle_minutes}"
    lines = [
        f"cap = {pool.nodes.maximum}",
        f"slots = {pool.slots}",
        f"demand = {' + '.join(_terms(pool, demands, now)) or '0'}",
        f"enough = $PendingTasks.GetSamplePercent({window}) >= 70",
        "last = max(0, $PendingTasks.GetSample(1))",
        f"load = enough ? max(last, avg($PendingTasks.GetSample({window}))) : last",
        f"idle = enough ? (max($PendingTasks.GetSample({window})) < 1) : (last < 1)",
        "want = ceil(max(demand, idle ? 0 : load) / slots)",
        "nodes = max(0, min(cap, want))",
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
