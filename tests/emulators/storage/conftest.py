import json
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from tests.emulators.storage.processes import Emulator, running, storage_flags


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    with running("storage", *storage_flags(tmp_path_factory.mktemp("storage"))) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def blobs(storage):
    with BlobServiceClient.from_connection_string(storage.ready["connection_string"]) as client:
        yield client


@pytest.fixture
def container(blobs, request):
    name = f"c{abs(hash(request.node.name)):x}"
    with blobs.create_container(name) as client:
        yield client


@pytest.fixture
def told(storage, container):
    """Return the outbox lines of this test's container."""

    def read():
        return [
            line for line in lines(storage) if f"/{container.container_name}/" in line["subject"]
        ]

    return read


def lines(storage: Emulator):
    return [json.loads(line) for line in Path(storage.ready["outbox"]).read_text().splitlines()]
