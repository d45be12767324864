"""Limits are so small that the stories meet both sides of them."""

from collections.abc import Iterator

import pytest

from tests.crash.trace import small_limits


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    with small_limits():
        yield
