"""Calls that are made at once: in order, bounded, and without a thread for a single one."""

import threading

import pytest

from pipeline.handlers import abreast


def here(_: object) -> bool:
    """Return whether the call is made in the thread of the test."""
    return threading.current_thread() is threading.main_thread()


def test_a_single_call_is_made_without_a_thread():
    assert list(abreast.each(here, ["only"])) == [True]
    assert list(abreast.each(here, [])) == []


def test_two_calls_are_under_way_at_the_same_time():
    both = threading.Barrier(2, timeout=60)
    assert sorted(abreast.each(lambda _: both.wait(), "ab")) == [0, 1]


def test_answers_come_in_the_order_of_their_arguments():
    assert list(abreast.each(str, range(50))) == [str(number) for number in range(50)]


@pytest.mark.parametrize("arguments", ["0", "01"])
def test_what_a_call_raises_is_raised(arguments):
    with pytest.raises(ZeroDivisionError):
        list(abreast.each(lambda text: 1 // int(text), arguments))
