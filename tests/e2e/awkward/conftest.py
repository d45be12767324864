"""One awkward stack for all tests of this folder that a worker is given."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.local import Stack, running


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    yield from running(folder)
