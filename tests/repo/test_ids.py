"""Each worker collects the tests for itself, so their names must come out the same each time."""

import gzip

import pytest

from tests.conftest import pytest_make_parametrize_id


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (gzip.compress(b""), "content"),
        (b"an archive or whatever else is long", "content"),
        (b"\xff\n", None),
        ("a text of any length at all says the same each time", None),
        (3, None),
    ],
)
def test_bytes_that_may_hold_the_time_give_a_test_no_name(value, named):
    assert pytest_make_parametrize_id(value, "content") == named
