from collections.abc import Iterator

import pytest

from tests.emulators.batch.running import Azurite, Emulator


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("batch"), "--autoscale-min-seconds", "0")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    running = Azurite()
    yield running
    running.stop()
