"""Cursors of long steps: one owner at a time, whoever was there before."""

from datetime import timedelta

import pytest

from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import Busy, LeaseLost, LongStep
from tests.fakes.clock import START
from tests.fakes.crash import Injector

LATER = START + slices.TERM


@pytest.fixture
def step(fresh):
    return LongStep(f"{fresh}-run", 1, "plan")


def test_a_step_that_nobody_has_begins_at_its_beginning(ports, step):
    assert slices.read(ports.tables, step) is None
    cursor = slices.take(ports.tables, step, "a", START)
    assert (cursor.owner, cursor.position, cursor.body) == ("a", 0, "")
    assert slices.read(ports.tables, step) == cursor


def test_a_second_owner_is_told_until_when_the_first_has_it(ports, step):
    slices.take(ports.tables, step, "a", START)
    assert slices.take(ports.tables, step, "b", START) == Busy(LATER)


def test_an_owner_takes_its_own_step_again(ports, step):
    first = slices.take(ports.tables, step, "a", START)
    again = slices.take(ports.tables, step, "a", START + timedelta(seconds=9))
    assert again.until == first.until + timedelta(seconds=9)


def test_what_an_owner_recorded_is_where_the_next_one_goes_on(ports, step):
    cursor = slices.take(ports.tables, step, "a", START)
    cursor = slices.advance(ports.tables, cursor, START, 7, '{"name": "\u540d"}')
    slices.release(ports.tables, cursor, START)
    taken = slices.take(ports.tables, step, "b", START)
    assert (taken.owner, taken.position, taken.body) == ("b", 7, '{"name": "\u540d"}')


def test_a_step_that_is_put_down_goes_on_at_once_from_there(ports, step):
    cursor = slices.take(ports.tables, step, "a", START)
    slices.put_down(ports.tables, cursor, START, 7, "so far")
    taken = slices.take(ports.tables, step, "b", START)
    assert (taken.owner, taken.position, taken.body) == ("b", 7, "so far")


def test_an_owner_that_lost_its_lease_can_neither_go_on_nor_finish(ports, step):
    lost = slices.take(ports.tables, step, "a", START)
    slices.take(ports.tables, step, "b", LATER)
    for late in (slices.advance, slices.put_down, slices.finish):
        with pytest.raises(LeaseLost, match="Another invocation goes on with this step"):
            late(ports.tables, lost, LATER, 1, "x")
    with pytest.raises(LeaseLost):
        slices.release(ports.tables, lost, LATER)
    assert slices.read(ports.tables, step).owner == "b"


def test_an_expired_lease_that_nobody_took_still_counts(ports, step):
    cursor = slices.take(ports.tables, step, "a", START)
    assert slices.advance(ports.tables, cursor, LATER, 1, "x").until == LATER + slices.TERM


def test_a_finished_step_is_nobodys(ports, step):
    cursor = slices.take(ports.tables, step, "a", START)
    done = slices.finish(ports.tables, cursor, START, 3, "result")
    for owner in ("a", "b"):
        assert slices.take(ports.tables, step, owner, LATER) == done
    assert (done.finished, done.body) == (True, "result")


def test_a_write_whose_answer_was_lost_is_recognised(ports, step):
    cursor = slices.take(ports.tables, step, "a", START)
    tables = Injector(("tables", "transact", 1), "twice").ports(ports).tables
    assert slices.advance(tables, cursor, START, 1, "x").position == 1


def test_generations_and_steps_are_kept_apart(ports, step):
    slices.take(ports.tables, step, "a", START)
    for other in (LongStep(step.run, 2, "plan"), LongStep(step.run, 1, "gather")):
        assert slices.take(ports.tables, other, "b", START).owner == "b"


def test_a_body_that_a_row_cannot_hold_is_refused_before_it_is_written(ports, step):
    cursor = slices.take(ports.tables, step, "a", START)
    with pytest.raises(slices.BodyTooLarge, match="keeps more than 32000 characters"):
        slices.advance(ports.tables, cursor, START, 1, "x" * 32_001)
    slices.advance(ports.tables, cursor, START, 1, "\U0001f3ba" * 16_000)


def test_of_two_that_take_a_step_at_once_one_has_it(ports, step):
    """The second one read the row before the first one took it."""

    class Slow:
        def get(self, *args):
            found = ports.tables.get(*args)
            if not overtaken:
                overtaken.append(slices.take(ports.tables, step, "a", START))
            return found

        def transact(self, *args):
            return ports.tables.transact(*args)

    overtaken = []
    assert slices.take(Slow(), step, "b", START) == Busy(LATER)
