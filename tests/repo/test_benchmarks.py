"""The benchmark starts, and counts: a report that cannot be made reports nothing."""

from benchmarks import __main__ as bench
from benchmarks import batch
from benchmarks.operations import operations_per_item


def test_calls_an_item_are_counted():
    assert operations_per_item(10, 5)["blob"] > 0


def test_the_benchmark_can_be_started():
    assert callable(bench.main)


def test_the_batch_benchmark_measures_in_a_small_size(capsys):
    batch.accepting(200)
    assert "tasks/s" in capsys.readouterr().out
    assert "50 tasks on 5 nodes" in batch.simulating(50, 5)
