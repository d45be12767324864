"""One stack for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.e2e.local import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("tasks"), "benign")
    stack.start()
    yield stack
    stack.stop()
