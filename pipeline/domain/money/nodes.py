"""What the nodes of a run cost besides their work: they boot, and idle until they are given up."""

from dataclasses import dataclass

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.money.prices import Prices, Range, exactly

_HOUR_S, _MINUTE_S = 3600, 60


@dataclass(frozen=True)
class NodeTime:
    """Seconds of nodes, by what they are for; work is None while nothing is known of it."""

    nodes: int
    work: float | None
    boot: Range
    idle: Range

    @property
    def seconds(self) -> Range:
        """All seconds that are paid; without the work if nothing is known of it."""
        return exactly(self.work or 0.0) + self.boot + self.idle

    def cost(self, per_hour: float) -> Range:
        """Return what all seconds cost at a node's price."""
        return self.seconds * (per_hour / _HOUR_S)


def node_time(prices: Prices, pool: Pool, slots: int, work: float | None) -> NodeTime:
    """Estimate the node time of a run alone in a pool that has no nodes.

    `slots` are the task slots that all its tasks together take, `work` the node-seconds of its
    programs. Each node that the run can use boots once.
    """
    nodes = min(pool.nodes.maximum, -(-slots // pool.slots))
    minutes = exactly(nodes * _MINUTE_S)
    return NodeTime(
        nodes,
        work,
        minutes * prices.assumed("boot-minutes"),
        minutes * prices.assumed("idle-node-minutes"),
    )
