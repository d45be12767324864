"""A slice ends after a third of the time that the host gives an invocation."""

from datetime import timedelta

from pipeline.domain.slices import Slice
from tests.fakes.clock import START


def test_a_slice_is_a_third_of_the_time_limit():
    part = Slice.begun(START, timedelta(minutes=10))
    assert not part.is_over(START + timedelta(seconds=199))
    assert part.is_over(START + timedelta(seconds=200))


def test_a_command_has_all_the_time_it_needs():
    assert not Slice.begun(START, None).is_over(START + timedelta(days=9))
