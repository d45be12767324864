"""The benchmarks start and count, so that a broken benchmark is noticed."""

import json

from benchmarks import __main__ as bench
from benchmarks import batch, metered, splits
from benchmarks.following import requests_in_an_hour
from benchmarks.operations import operations_per_item
from pipeline.domain.money.cost import Metered


def test_calls_per_item_are_counted():
    assert operations_per_item(10, 5)["blob"] > 0


def test_what_fanfare_cost_prices_is_what_runs_ask_of_the_services():
    stored = json.loads(metered.FILE.read_text("utf-8"))
    del stored["date"]
    assert metered.measure() == stored, "run `python -m benchmarks.metered`"


def test_an_estimate_between_the_samples_is_what_such_a_run_asks():
    measured = Metered.model_validate_json(metered.FILE.read_text("utf-8"))
    asked, estimate = metered.sample(1500, 5)["operations"], measured.of(1500, 300)
    for meter in ("blob-write", "blob-read", "queue-operation", "event-grid-operation"):
        assert abs(estimate[meter] - asked[meter]) < 0.15 * asked[meter], meter


def test_requests_that_follow_a_run_are_counted():
    assert 0 < requests_in_an_hour(120, 2).total() <= 100


def test_the_benchmark_can_be_started():
    assert callable(bench.main)
    assert callable(splits.main)


def test_the_batch_benchmark_measures_in_a_small_size(capsys):
    batch.accepting(200)
    assert "tasks/s" in capsys.readouterr().out
    assert "50 tasks on 5 nodes" in batch.simulating(50, 5)
