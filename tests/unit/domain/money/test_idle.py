"""A month without a run, worked by hand."""

import pytest

from pipeline.domain.money import idle
from pipeline.domain.money.cost import total
from pipeline.domain.money.prices import Range, exactly
from tests.unit.domain.money.test_cost import tariff

MINUTE = {"blob-created": 1, "blob-write": 1, "queue-operation": 3, "table-operation": 7}


def month(prices, **given):
    return {line.what: line for line in idle.month(prices, MINUTE, **given)}


def test_the_scale_controller_asks_each_of_three_queues():
    line = month(tariff(probes=(6, 12)))["probes of the queues"]
    assert line.amount == Range(3 * 6 * 43_800, 3 * 12 * 43_800)
    assert line.cost.low == pytest.approx(788_400 * 0.004 / 10_000)


def test_the_low_end_has_the_free_grants_and_the_high_end_has_none():
    lines = month(tariff())
    cost = lines["timers: GB-seconds"].cost
    assert (cost.low, cost.high) == pytest.approx((0, (43_800 + 730) * 2 * 0.00002))
    assert lines["timers: executions"].cost.low == 0 < lines["timers: executions"].cost.high
    large = month(tariff(), size_mb=4096)["timers: GB-seconds"].cost
    assert large.low == pytest.approx((44_530 * 4 - 100_000) * 0.00002)


def test_the_status_of_the_timer_is_a_blob_and_an_event_each_minute():
    lines = month(tariff())
    assert lines["timers: blob-write"].cost.low == pytest.approx(43_800 * 5e-6)
    assert lines["timers: blob-created"].amount == exactly(43_800)


def test_hosts_that_start_each_minute_read_their_keys_and_locks_again():
    lines = month(tariff(**{"host-starts": (0, 1), "start-operations": (10, 40)}))
    assert lines["hosts: starts"].amount == Range(0, 40 * 43_800)
    assert lines["hosts: locks"].cost.low == pytest.approx(6 * 43_800 * 4e-7)


def test_logs_are_the_hosts_and_the_engines():
    quiet = month(tariff())["logs, GB"].amount.low
    assert quiet == pytest.approx(10 * 43_800 / 1e6)
    (busy,) = [
        line for line in idle.month(tariff(), {**MINUTE, "log-record": 2}) if line.meter == "log-gb"
    ]
    assert busy.amount.low == pytest.approx(12 * 43_800 / 1e6)


def test_a_month_worked_by_hand():
    by_hand = 43_800 * (5e-6 + 3 * 4e-7 + 7 * 0.4e-7 + 18 * 4e-7 + 10 * 4e-7 + 6 * 4e-7)
    assert total(month(tariff()).values()).low == pytest.approx(by_hand)
