"""The share of spot nodes at each size of a pool, as the Batch emulator evaluates the formula."""

from datetime import UTC, datetime, timedelta

import pytest

from emulators.batch.autoscale.evaluate import Situation, evaluate
from emulators.batch.autoscale.grammar import parse
from pipeline.domain.definitions.pool import Nodes
from pipeline.domain.pools.formula import Demand, render_formula
from tests.unit.domain.definitions.test_pool import pool

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def targets(share: float, nodes: int) -> tuple[int, int]:
    """Return how many dedicated and spot nodes a pool gets that needs a number of nodes."""
    asked = [Demand("r", nodes, NOW + timedelta(hours=1))] if nodes else []
    rented = pool(slots=1, nodes=Nodes(maximum=100, spot_share=share))
    found = evaluate(parse(render_formula(rented, asked, NOW)), Situation(NOW))
    assert not found.error_code, found.error_detail
    return found.dedicated, found.spot


@pytest.mark.parametrize(
    ("share", "spot"),
    [  # of 0, 1, 2, 3, 4, 5 and 10 nodes
        (0.0, (0, 0, 0, 0, 0, 0, 0)),
        (0.2, (0, 0, 0, 1, 1, 1, 2)),
        (0.4, (0, 0, 1, 1, 2, 2, 4)),
        (0.5, (0, 1, 1, 2, 2, 3, 5)),
        (0.8, (0, 1, 2, 2, 3, 4, 8)),
        (0.9, (0, 1, 2, 3, 4, 5, 9)),
        (1.0, (0, 1, 2, 3, 4, 5, 10)),
    ],
)
def test_a_share_of_spot_holds_to_the_nearest_node(share: float, spot: tuple[int, ...]) -> None:
    sizes = (0, 1, 2, 3, 4, 5, 10)
    assert [targets(share, nodes) for nodes in sizes] == [
        (nodes - one, one) for nodes, one in zip(sizes, spot, strict=True)
    ]
