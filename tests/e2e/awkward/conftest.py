"""One awkward stack for all tests of this folder that a worker is given."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.depth import more
from tests.e2e.local import Stack, running

SEEDS = more((7,), (1, 2, 3))


@pytest.fixture(scope="package", params=SEEDS, ids=lambda seed: f"seed-{seed}")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    yield from running(folder, seed=request.param)
