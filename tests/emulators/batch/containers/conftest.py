import asyncio
from collections.abc import Iterator

import pytest

from emulators.batch.containers.engine import Engine, find_engine
from tests.depth import more
from tests.emulators.batch.containers.images import make_images
from tests.emulators.batch.containers.tasks import containers_of
from tests.emulators.batch.running import Emulator
from tests.needs import missing

# By how to ask for an engine: what who has none is without, and what brings it.
ANY = {"auto": ("Podman or Docker", "podman runc")}
EACH = {"podman": ("Podman", "podman runc"), "docker": ("Docker", "docker.io")}
ENGINES = more(ANY, EACH)


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Return an engine that works, with images made of one static program."""
    found = asyncio.run(find_engine(request.param))
    if found is None:
        missing(*ENGINES[request.param])
    make_images(found, tmp_path_factory.mktemp("image"))
    return found


@pytest.fixture(scope="module")
def running(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path_factory.mktemp("containers"), "--container-engine", engine.name)
    emulator.add_container_pool("p", [])
    emulator.add_job("j", "p")
    yield emulator
    assert emulator.stop() == 0
    assert containers_of(engine, emulator) == []
