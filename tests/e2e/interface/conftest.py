"""One benign stack for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.local import Stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("interface")
    stack = Stack(folder, "benign")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
