"""The benchmark starts, and counts: a report that cannot be made reports nothing."""

from benchmarks import __main__ as bench
from benchmarks.operations import operations_per_item


def test_calls_an_item_are_counted():
    assert operations_per_item(10, 5)["blob"] > 0


def test_the_benchmark_can_be_started():
    assert callable(bench.main)
