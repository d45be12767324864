"""A signature that may create blobs creates them, small or in blocks, and can do nothing else."""

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerClient, generate_container_sas

from tests.emulators.storage.processes import KEY

BLOCKS = [b"a" * 1000, b"b" * 1000]


@pytest.fixture
def creator(container):
    signed = {"account_key": KEY, "permission": "c", "expiry": "2099-01-01T00:00:00Z"}
    sas = generate_container_sas("fanfare", container.container_name, **signed)
    with ContainerClient.from_container_url(f"{container.url}?{sas}") as client:
        yield client


def in_blocks(client, name):
    blob = client.get_blob_client(name)
    for number, content in enumerate(BLOCKS):
        blob.stage_block(f"{number:04}", content)
    blob.commit_block_list(["0000", "0001"])


def at_once(client, name):
    client.get_blob_client(name).upload_blob(b"x", overwrite=True)


@pytest.mark.parametrize("upload", [in_blocks, at_once])
def test_a_blob_is_created_once_and_never_overwritten(container, creator, upload):
    upload(creator, "new")
    before = container.download_blob("new").readall()
    for again in (in_blocks, at_once):
        with pytest.raises(HttpResponseError) as refused:
            again(creator, "new")
        assert refused.value.status_code == 403
    assert container.download_blob("new").readall() == before


@pytest.mark.parametrize(
    "attack",
    [
        lambda client: client.download_blob("secret").readall(),
        lambda client: list(client.list_blobs()),
        lambda client: client.delete_blob("secret"),
        lambda client: client.get_blob_client("secret").set_blob_metadata({"a": "b"}),
        lambda client: client.get_blob_client("secret").get_blob_properties(),
        lambda client: client.get_blob_client("secret").stage_block("0000", b"x"),
    ],
    ids=["read", "list", "delete", "metadata", "head", "stage"],
)
def test_what_is_there_can_be_neither_seen_nor_changed(container, creator, attack):
    container.upload_blob("secret", b"mine")
    with pytest.raises(HttpResponseError) as refused:
        attack(creator)
    assert refused.value.status_code == 403
    assert container.download_blob("secret").readall() == b"mine"
