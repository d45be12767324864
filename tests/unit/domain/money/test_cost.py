"""Bills of runs: counted operations times prices, worked by hand."""

from datetime import date

import pytest

from pipeline.domain.money import cost as costs
from pipeline.domain.money.prices import Prices, Range, exactly

A_RUN = {  # of 100 tasks, one item each
    "blob-created": 300, "blob-write": 310, "blob-read": 300, "event-delivered": 110,
    "queue-operation": 200, "table-operation": 50, "function-execution": 10,
    "function-gb-second": 20, "log-record": 5,
}  # fmt: skip


def meter(price, per=1, **more):
    told = {"unit": "each", "source": "a page", "confidence": "quoted", "date": date(2026, 1, 1)}
    return {"price": price, "per": per, **told, **more}


def assumed(low, high):
    return {"low": low, "high": high, "unit": "each", "what": "something", "source": "a thread"}


def tariff(**assumptions):
    """Return a tariff on which everything is known, except what is given."""
    known = {
        "lone-receipts": (0, 0), "deletion-events": (0, 0), "execution-records": (4, 4),
        "record-kb": (1, 1), "instances": (2, 2), "instance-minutes": (1, 1),
        "start-operations": (10, 10), "leases": (6, 6), "probes": (6, 6), "host-starts": (1, 1),
        "idle-log-kb": (10, 10), "boot-minutes": (2, 2), "idle-node-minutes": (5, 5),
    }  # fmt: skip
    return Prices.model_validate(
        {
            "currency": "USD",
            "meters": {
                "event-grid-operation": meter(0.60, 1_000_000, free=100_000),
                "function-gb-second": meter(0.00002, free=100_000),
                "function-execution": meter(0.40, 1_000_000, free=250_000),
                "table-operation": meter(0.0004, 10_000),
                "queue-operation": meter(0.004, 10_000),
                "blob-read": meter(0.004, 10_000),
                "blob-write": meter(0.06, 10_000, low=0.05),
                "blob-other": meter(0.004, 10_000),
                "log-gb": meter(3.0, free=5),
                "private-endpoint-hour": meter(0.01),
                "private-zone-month": meter(0.5),
                "log-alert-month": meter(0.5),
                "metric-alert-month": meter(0.1, free=10),
            },
            "assumptions": {k: assumed(*v) for k, v in {**known, **assumptions}.items()},
        }
    )


def bill(prices, counted=A_RUN, tasks=100):
    return {line.what: line for line in costs.run_bill(counted, tasks, prices)}


def test_every_blob_that_is_written_is_an_event_whatever_a_filter_drops():
    line = bill(tariff())["Event Grid: blobs written"]
    assert line.amount == exactly(300)
    assert line.cost.low == pytest.approx(300 * 0.60 / 1_000_000)


def test_a_bill_worked_by_hand():
    lines = bill(tariff())
    by_hand = {
        "Event Grid: blobs written": 300 * 0.6e-6,
        "Event Grid: deliveries": 110 * 0.6e-6,
        "functions: GB-seconds": 20 * 0.00002,
        "functions: executions": 10 * 0.4e-6,
        "table operations": 50 * 0.4e-7,
        "queue operations": 200 * 4e-7,
        "blob reads": 300 * 4e-7,
        "blob writes": 310 * 5e-6,
        "Event Grid: blobs deleted": 0,
        "hosts: starts, locks": 2 * (10 + 6) * 4e-7,
        "hosts: polls of queues": 2 * 30 * 4e-7,
        "logs, GB": (5 + 10 * 4) * 1e-6 * 3,
    }
    assert {what: line.cost.low for what, line in lines.items()} == pytest.approx(by_hand)
    assert costs.total(lines.values()).low == pytest.approx(sum(by_hand.values()))


def test_the_high_end_has_the_highest_price_that_a_source_names():
    cost = bill(tariff())["blob writes"].cost
    assert (cost.low, cost.high) == pytest.approx((310 * 5e-6, 310 * 6e-6))


def test_receipts_that_come_one_by_one_start_an_invocation_each():
    lines = bill(tariff(**{"lone-receipts": (0, 1)}))
    assert lines["functions: executions"].amount == Range(10, 110)
    assert lines["functions: GB-seconds"].amount == Range(20, 20 + 100 * 2)
    assert lines["logs, GB"].amount.high == pytest.approx((5 + 110 * 4) * 1e-6)


def test_a_blob_that_is_deleted_may_be_a_second_event():
    line = bill(tariff(**{"deletion-events": (0, 1)}))["Event Grid: blobs deleted"]
    assert line.amount == Range(0, 300)


def test_free_grants_are_not_deducted_from_a_run():
    assert all(line.cost.low for line in bill(tariff()).values() if line.amount.low)


@pytest.mark.parametrize("wrong", [{"price": 1, "low": 2}, {"price": -1}])
def test_a_price_file_that_contradicts_itself_is_refused(wrong):
    told = tariff().model_dump()
    told["meters"]["log-gb"] |= wrong
    with pytest.raises(ValueError, match=r"low must be|greater than"):
        Prices.model_validate(told)


def test_an_assumption_whose_ends_are_swapped_is_refused():
    with pytest.raises(ValueError, match="low must be at most high"):
        tariff(probes=(2, 1))
