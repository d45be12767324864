"""A container and an emulator that may reach it, for the tests of this folder."""

import json
from collections.abc import Iterator

import pytest
from azure.storage.blob import ContainerClient

from tests.emulators.batch.running import Azurite, Emulator
from tests.emulators.batch.transfer.access import IDENTITY


@pytest.fixture(scope="package")
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    url = f"{azurite.endpoint}/work"
    with ContainerClient.from_container_url(
        url, credential={"account_name": azurite.account, "account_key": azurite.key}
    ) as client:
        client.create_container()
        for name in ("in/a.txt", "in/deep/b.txt", "other.txt"):
            client.upload_blob(name, name.encode())
        yield client


@pytest.fixture(scope="package")
def emulator(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("transfer")
    entry = {"account": azurite.account, "key": azurite.key, "blobEndpoint": azurite.endpoint}
    (folder / "identities.json").write_text(json.dumps({IDENTITY: entry}))
    flags = ("--identities", str(folder / "identities.json"), "--auto-storage", azurite.account)
    running = Emulator(folder / "data", *flags)
    running.add_pool("p", slots=4)
    running.add_job("j", "p")
    yield running
    assert running.stop() == 0
