"""Progress rows: sets that only grow, whoever writes them and however often."""

import pytest

from pipeline.errors import Transient
from pipeline.ledger import progress
from tests.fakes.crash import Injector
from tests.fakes.tables import FakeTables

RUN = "job-00000000000000000000"


def test_numbers_of_all_writers_are_united():
    tables = FakeTables()
    for writer in range(40):
        done = progress.mark(tables, RUN, 1, "tasks", [writer * 1000, writer], f"{writer:x}")
    assert done.count() == 79
    assert len(tables.rows("progress")) <= 2 * progress.SLOTS


def test_marking_twice_writes_nothing():
    tables = FakeTables()
    progress.mark(tables, RUN, 1, "tasks", [1, 2, 3], "0")
    (before,) = tables.rows("progress")
    assert progress.mark(tables, RUN, 1, "tasks", [2], "0").count() == 3
    assert tables.rows("progress") == [before]


def test_kinds_and_generations_are_kept_apart():
    tables = FakeTables()
    progress.mark(tables, RUN, 1, "pages", [0], "0")
    progress.mark(tables, RUN, 2, "tasks", [1], "0")
    assert progress.union(tables, RUN, 1, "tasks").count() == 0
    assert progress.union(tables, RUN, 1, "pages").count() == 1


class Meddling(FakeTables):
    """Tables in which another writer of the same slot is faster, a number of times."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    def transact(self, table, partition, operations):
        if self.times:
            self.times -= 1
            progress_of_another = FakeTables.transact.__get__(self)
            key = operations[0].row.key
            row = self.get(table, partition, key)
            other = operations[0].row
            values = {"bits": "gA=="} if self.times % 2 else {"bits": "QA=="}
            changed = type(other)(partition, key, values, row.etag if row else None)
            progress_of_another(table, partition, [type(operations[0])(changed)])
        return super().transact(table, partition, operations)


def test_a_faster_writer_of_the_same_slot_loses_nothing():
    tables = Meddling(times=3)
    done = progress.mark(tables, RUN, 1, "tasks", [0, 1], "0")
    assert {0, 1} <= set(done)


def test_writers_that_collide_without_end_get_a_transient_error():
    with pytest.raises(Transient, match="Too many writers"):
        progress.mark(Meddling(times=99), RUN, 1, "tasks", [0], "0")


def test_an_answer_that_was_lost_changes_nothing():
    tables = FakeTables()
    twice = Injector(("tables", "transact", 1), "twice")

    class Watched:
        def __getattr__(self, verb):
            return lambda *args: twice.call("tables", verb, lambda: getattr(tables, verb)(*args))

    assert progress.mark(Watched(), RUN, 1, "tasks", [5], "0").count() == 1
