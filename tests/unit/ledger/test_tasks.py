"""Task rows: the first result wins, rejected attempts never do, and every group fits."""

import pytest

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.results import (
    ItemResult,
    PastExecution,
    TaskResult,
    TaskState,
    failed_task,
)
from pipeline.ledger import tasks
from tests.fakes.tables import FakeTables

RUN = "job-00000000000000000000"


@pytest.fixture
def tables():
    return FakeTables()


def result(number=0, attempt="a", **more):
    return TaskResult(unit=f"t{number:06d}", attempt=attempt * 16, **more)


class Counting:
    """Tables; counts the calls."""

    def __init__(self, tables) -> None:
        self._tables, self.calls = tables, 0

    def __getattr__(self, name):
        self.calls += 1
        return getattr(self._tables, name)


def stored(tables):
    return list(tasks.results(tables, RUN, 1))


def test_the_first_result_of_a_task_wins(tables):
    assert tasks.finish(tables, RUN, 1, [result(attempt="a")]).recorded != []
    second = tasks.finish(tables, RUN, 1, [result(attempt="b")])
    assert (second.recorded, second.units) == ([], ["t000000"])
    assert [row.attempt[0] for row in stored(tables)] == ["a"]


def test_new_results_go_in_beside_those_that_exist(tables):
    tasks.finish(tables, RUN, 1, [result(1, "a"), result(3, "a")])
    finished = tasks.finish(tables, RUN, 1, [result(n, "b") for n in range(5)])
    assert [row.unit[-1] for row in finished.recorded] == ["0", "2", "4"]
    assert sorted(finished.units) == [f"t{number:06}" for number in range(5)]
    assert "".join(row.attempt[0] for row in stored(tables)) == "babab"


@pytest.mark.parametrize("apart", [1, 50])
def test_a_hundred_results_that_exist_are_found_with_few_calls(tables, apart):
    mine = [result(n * apart) for n in range(100)]
    tasks.finish(tables, RUN, 1, mine)
    counting = Counting(tables)
    finished = tasks.finish(counting, RUN, 1, [result(n * apart, "b") for n in range(100)])
    assert (finished.recorded, len(finished.units)) == ([], 100)
    assert counting.calls <= (2 if apart == 1 else 200)


def test_more_than_a_transaction_takes_goes_in_parts(tables):
    tasks.finish(tables, RUN, 1, [result(n) for n in range(250)])
    assert len(stored(tables)) == 250


def test_a_hundred_large_results_fit(tables):
    items = tuple(
        ItemResult(id=n, outcome="failed", cause="program-failed", tail="名" * 1000)
        for n in range(20)
    )
    tasks.finish(tables, RUN, 1, [result(n, items=items) for n in range(100)])
    assert all(len(row.items) == 20 for row in stored(tables))


@pytest.mark.parametrize(("items", "shown"), [(5, 3000), (20, 800), (60, 200), (100, 80), (160, 0)])
def test_tails_stay_as_long_as_a_row_can_carry(tables, items, shown):
    failed = tuple(
        ItemResult(id=n, outcome="failed", cause="program-failed", tail="x" * 3000)
        for n in range(items)
    )
    tasks.finish(tables, RUN, 1, [result(items=failed)])
    (row,) = stored(tables)
    assert [len(item.tail) for item in row.items] == [shown] * items


def test_a_failure_of_very_many_items_keeps_its_cause(tables):
    tasks.finish(tables, RUN, 1, [failed_task("t000000", tuple(range(9999)), Cause.TIMED_OUT, "x")])
    (row,) = stored(tables)
    assert (row.items, row.cause) == ((), Cause.TIMED_OUT)


def test_a_repetition_ends_with_the_next_result_and_keeps_its_count(tables):
    again = TaskResult(unit="t000000", state=TaskState.RETRYING, execution=2, seconds=1.5)
    tasks.execute_anew(tables, RUN, 1, again, None)
    tasks.finish(tables, RUN, 1, [result(seconds=2.0)])
    (row,) = stored(tables)
    assert (row.state, row.execution, row.seconds) == (TaskState.DONE, 2, 3.5)


def test_a_rejected_attempt_never_counts_again(tables):
    repeats = (PastExecution(cause=Cause.OUTPUT_LOST, attempt="a" * 16),)
    again = TaskResult(unit="t000000", state=TaskState.RETRYING, execution=1, repeats=repeats)
    tasks.execute_anew(tables, RUN, 1, again, None)
    assert tasks.finish(tables, RUN, 1, [result(attempt="a")]).units == []
    assert [row.state for row in stored(tables)] == [TaskState.RETRYING]
    tasks.finish(tables, RUN, 1, [result(attempt="b")])
    assert [row.attempt[0] for row in stored(tables)] == ["b"]


def test_generations_and_stages_are_kept_apart(tables):
    tasks.finish(tables, RUN, 1, [TaskResult(unit="split"), TaskResult(unit="assemble"), result()])
    tasks.finish(tables, RUN, 2, [result(7)])
    assert [row.unit for row in stored(tables)] == ["t000000"]
    assert [row.unit for row in tasks.results(tables, RUN, 2)] == ["t000007"]
    assert tasks.find(tables, RUN, 1, "split") is not None
    assert tasks.find(tables, RUN, 2, "split") is None


def test_a_range_may_end_with_the_last_task_that_has_a_name(tables):
    tasks.finish(tables, RUN, 1, [result(999_998), result(999_999)])
    found = tasks.results(tables, RUN, 1, range(999_999, 1_000_000))
    assert [one.unit for one in found] == ["t999999"]
