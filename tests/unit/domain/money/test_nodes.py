"""Nodes cost while they boot, work and idle, worked by hand."""

import pytest

from pipeline.domain.money.nodes import node_time
from pipeline.domain.money.prices import Range, exactly
from tests.unit.domain.definitions.test_pool import pool
from tests.unit.domain.money.test_cost import tariff

FOUR = pool()  # of two slots each
PRICES = tariff(**{"boot-minutes": (1, 6), "idle-node-minutes": (1, 10)})


def test_each_node_that_a_run_can_use_boots_once():
    small, large = (node_time(PRICES, FOUR, slots, None) for slots in (3, 1000))
    assert (small.nodes, large.nodes) == (2, 4)
    assert large.boot == Range(4 * 60, 4 * 360)
    assert large.idle == Range(4 * 60, 4 * 600)


def test_a_node_is_paid_from_its_boot_until_it_is_given_up():
    time = node_time(PRICES, FOUR, 8, work=7200.0)
    cost = time.cost(per_hour=0.36)
    assert (cost.low, cost.high) == pytest.approx((0.768, 1.104))  # 7,680 s and 11,040 s


def test_without_earlier_runs_only_what_comes_around_the_work_is_known():
    time = node_time(PRICES, FOUR, 8, None)
    assert time.work is None
    assert time.seconds == time.boot + time.idle + exactly(0)
