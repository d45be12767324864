"""Time spans as .NET writes them, and the clock that tests may speed up."""

import pytest

from emulators.functions.timespans import Clock, parse_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:02", 2), ("1.02:03:04", 93784), ("00:00:00.0200000", 0.02), ("00:30", 1800)],
)
def test_time_spans_are_read_as_dotnet_writes_them(text, seconds):
    assert parse_span(text) == seconds


def test_a_scaled_clock_never_turns_hiding_into_none():
    assert Clock(60).visibility(600) == 10
    assert Clock(1000).visibility(30) == 1
    assert Clock(1000).visibility(0) == 0
