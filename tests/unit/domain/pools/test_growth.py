from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.pools.formula import Demand
from pipeline.domain.pools.growth import Growth, first_nodes, next_step
from pipeline.domain.waiting.reports import PoolReport, Trouble
from tests.unit.domain.definitions.test_pool import pool

NOW, LIFE = datetime(2026, 11, 23, 10, tzinfo=UTC), timedelta(minutes=15)
EMPTY = PoolReport("active", "steady")
ASKED = [Demand("r", 3, NOW + LIFE)]


@pytest.mark.parametrize(
    ("report", "step"),
    [
        (EMPTY, Growth.RESIZE),
        (replace(EMPTY, target_nodes=2), Growth.LEAVE),
        (replace(EMPTY, nodes=1), Growth.LEAVE),
        (replace(EMPTY, allocation="resizing", target_nodes=2), Growth.WATCH),
        (replace(EMPTY, autoscales=False), Growth.WATCH),
        (replace(EMPTY, nodes=2, target_nodes=2, autoscales=False), Growth.WATCH),
        (replace(EMPTY, autoscale_error=Trouble("AutoScaleSyntax", "")), Growth.WATCH),
        (PoolReport(""), Growth.WATCH),
    ],
)
def test_a_pool_that_a_run_asks_is_resized_only_if_it_is_empty_and_follows_no_formula(report, step):
    assert next_step(report, ASKED, taken=True) is step


def test_an_empty_pool_that_took_no_formula_is_not_resized():
    assert next_step(EMPTY, ASKED, taken=False) is Growth.WATCH


def test_a_pool_that_nobody_asks_is_watched_until_its_formula_has_it_again():
    assert next_step(EMPTY, [], taken=True) is Growth.LEAVE
    assert next_step(replace(EMPTY, autoscales=False), [], taken=True) is Growth.WATCH
    assert next_step(PoolReport("deleting"), [], taken=True) is Growth.LEAVE


def asked(slots, age=timedelta()):
    return Demand("r", slots, NOW + LIFE - age)


def test_the_first_nodes_hold_what_was_asked_for_just_now_and_not_more_than_the_pool_may_have():
    assert first_nodes(pool(slots=4), [asked(9)], NOW, LIFE) == (3, 0)
    assert first_nodes(pool(nodes={"maximum": 2}), [asked(9), asked(9)], NOW, LIFE) == (2, 0)


def test_what_was_asked_for_long_ago_gets_one_node():
    assert first_nodes(pool(), [asked(9, timedelta(minutes=3))], NOW, LIFE) == (1, 0)


def test_spot_nodes_have_their_share_of_the_first_nodes():
    spot = pool(slots=1, nodes={"maximum": 10, "spot_share": 0.5})
    assert first_nodes(spot, [asked(5)], NOW, LIFE) == (2, 3)
