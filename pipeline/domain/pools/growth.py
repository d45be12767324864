"""Decides whether a pool follows its formula already, or gets its first nodes by a resize.

It is disputed whether Batch evaluates a formula as soon as it gets one, or only at the next
evaluation, up to five minutes later. Whoever pushed one looks, and needs not know.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil, floor

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.pools.formula import FRESH, Demand
from pipeline.domain.waiting.reports import PoolReport


class Growth(StrEnum):
    """What whoever watches a pool does next."""

    LEAVE = "leave"  # it has nodes, or nobody needs any: it is its formula's business again
    WATCH = "watch"  # it resizes, waits for its formula, or has one that it cannot evaluate
    RESIZE = "resize"  # it is empty, and has not followed its formula


def next_step(report: PoolReport, demands: Sequence[Demand], *, taken: bool) -> Growth:
    """Decide by a report that is newer than the last push, and by whether the pool took that.

    A pool that takes no formula, or cannot evaluate it, would keep the nodes of a resize.
    """
    if report.state != "active":
        return Growth.WATCH if demands else Growth.LEAVE
    if report.allocation != "steady" or not report.autoscales:
        return Growth.WATCH
    if demands and report.nodes == report.target_nodes == 0:
        return Growth.RESIZE if taken and report.autoscale_error is None else Growth.WATCH
    return Growth.LEAVE


def first_nodes(
    pool: Pool, demands: Sequence[Demand], now: datetime, life: timedelta
) -> tuple[int, int]:
    """Return how many dedicated and spot nodes an empty pool gets, as its formula would.

    What was asked for more than two minutes ago counts as one slot, because what is left of it only
    Batch knows. `life` is the time from a demand to its expiry.
    """
    fresh = sum(each.slots for each in demands if now < each.expires_at - life + FRESH)
    nodes = min(pool.nodes.maximum, ceil(max(fresh, 1) / pool.slots))
    spot = floor(nodes * pool.nodes.spot_share + 0.5)
    return nodes - spot, spot
