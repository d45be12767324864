"""Ranges of files."""

import pytest

from emulators.batch.errors import BatchError
from emulators.batch.wire.ranges import wanted_range


def test_ranges_are_cut_to_the_file() -> None:
    assert wanted_range("", 10) == (0, 10)
    assert wanted_range("bytes=2-", 10) == (2, 10)
    assert wanted_range("bytes=2-99", 10) == (2, 10)
    assert wanted_range("bytes=-3", 10) == (7, 10)
    with pytest.raises(BatchError):
        wanted_range("bytes=10-", 10)
