"""One awkward stack for all end-to-end tests of a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.local import Stack, running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    yield from running(folder)
