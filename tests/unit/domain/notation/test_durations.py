from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.notation.durations import format_duration, parse_duration
from tests.unit.domain.quick import quick


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("1d1h1m1s", 90_061)],
)
def test_a_duration_is_read(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "m10", "10m ", "1m1h", "-5s", "1.5h", "٣s", "10m\n", 600]
)
def test_text_that_is_not_a_duration_gets_a_hint(text):
    with pytest.raises(ValueError, match="write it like 90s, 10m, 1h30m or 2d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "181d"])
def test_a_duration_is_bounded(text):
    with pytest.raises(ValueError, match="not between 1s and 180d"):
        parse_duration(text)


@quick
@given(st.integers(1, 180 * 86_400))
def test_a_written_duration_reads_back(seconds):
    assert parse_duration(format_duration(timedelta(seconds=seconds))).total_seconds() == seconds
