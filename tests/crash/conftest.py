"""The smallest outputs pass through the app, the others are copied: both are crashed."""

from collections.abc import Iterator

import pytest

from tests.crash.trace import both_ways_of_copying


@pytest.fixture(autouse=True)
def copying() -> Iterator[None]:
    with both_ways_of_copying():
        yield
