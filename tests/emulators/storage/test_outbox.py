"""Every committed blob write leaves one line in the outbox before its client knows."""

import asyncio
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContentSettings, generate_blob_sas
from azure.storage.blob.aio import ContainerClient

from tests.emulators.storage.processes import KEY

HOSTILE = "a b/$(touch x);'\"..%2f ü 名.mp4"


def apis(told):
    return [line["data"]["api"] for line in told()]


def test_a_put_is_told_with_all_that_event_grid_tells(container, told):
    settings = ContentSettings(content_type="video/mp4")
    answer = container.get_blob_client("in/a.mp4").upload_blob(b"hello", content_settings=settings)
    (line,) = told()
    where = f"/blobServices/default/containers/{container.container_name}/blobs/in/a.mp4"
    assert (line["eventType"], line["subject"]) == ("Microsoft.Storage.BlobCreated", where)
    data = line["data"]
    assert (data["api"], data["blobType"]) == ("PutBlob", "BlockBlob")
    assert (data["contentType"], data["contentLength"]) == ("video/mp4", 5)
    assert data["eTag"] == answer["etag"].strip('"')
    assert (data["requestId"], data["clientRequestId"]) == (
        answer["request_id"],
        answer["client_request_id"],
    )
    assert data["url"] == f"{container.url}/in/a.mp4"


def test_a_block_list_is_told_with_its_summed_length_also_over_an_older_blob(container, told):
    blob = container.get_blob_client("blocks")
    for size in (3, 1):
        blob.stage_block("AAAA", b"x" * size)
        blob.stage_block("AAAB", b"yy")
        answer = blob.commit_block_list(["AAAA", "AAAB"])
    assert apis(told) == ["PutBlockList", "PutBlockList"]
    assert [line["data"]["contentLength"] for line in told()] == [5, 3]
    assert told()[-1]["data"]["eTag"] == answer["etag"].strip('"')


def test_both_kinds_of_copy_are_told_with_length_and_type(container, told):
    source = container.get_blob_client("source")
    source.upload_blob(b"1234567", content_settings=ContentSettings(content_type="text/plain"))
    container.get_blob_client("later").start_copy_from_url(source.url)
    container.get_blob_client("now").start_copy_from_url(source.url, requires_sync=True)
    copies = told()[1:]
    assert [line["data"]["api"] for line in copies] == ["CopyBlob", "CopyBlob"]
    assert {(x["data"]["contentLength"], x["data"]["contentType"]) for x in copies} == {
        (7, "text/plain")
    }


def test_deletes_are_told_without_etag_and_length_also_inside_a_batch(container, told):
    for name in ("one", "two", "three"):
        container.upload_blob(name, b"x")
    container.delete_blob("one")
    container.delete_blobs("two", "three")
    deleted = told()[3:]
    assert [line["subject"].rsplit("/", 1)[1] for line in deleted] == ["one", "two", "three"]
    assert {line["eventType"] for line in deleted} == {"Microsoft.Storage.BlobDeleted"}
    assert not any({"eTag", "contentLength"} & line["data"].keys() for line in deleted)


def test_what_commits_no_blob_is_not_told(container, told):
    blob = container.get_blob_client("quiet")
    blob.upload_blob(b"x")
    blob.stage_block("AAAA", b"staged")
    blob.set_blob_metadata({"a": "b"})
    blob.create_snapshot()
    blob.delete_blob(delete_snapshots="only")
    assert apis(told) == ["PutBlob"]


def test_a_refused_write_is_not_told(container, told):
    container.upload_blob("once", b"x")
    with pytest.raises(ResourceExistsError):
        container.upload_blob("once", b"y", overwrite=False)
    assert apis(told) == ["PutBlob"]


def test_a_hostile_name_arrives_unchanged_in_the_subject(container, told):
    blob = container.get_blob_client(HOSTILE)
    blob.upload_blob(b"x")
    (line,) = told()
    assert line["subject"].split("/blobs/", 1)[1] == HOSTILE
    assert " " not in line["data"]["url"]


def test_no_signature_reaches_the_outbox(container, storage):
    where = {"container_name": container.container_name, "blob_name": "signed"}
    sas = generate_blob_sas(
        "fanfare", **where, account_key=KEY, permission="cw", expiry="2099-01-01T00:00:00Z"
    )
    url = f"{container.url}/signed?{sas}"
    type(container.get_blob_client("x")).from_blob_url(url).upload_blob(b"x")
    text = Path(storage.ready["outbox"]).read_text()
    assert "/signed" in text
    assert "sig=" not in text


def test_the_sequencer_rises_with_every_write(container, told):
    for _ in range(5):
        container.upload_blob("same", b"x", overwrite=True)
    sequencers = [line["data"]["sequencer"] for line in told()]
    assert sequencers == sorted(set(sequencers))
    assert {len(sequencer) for sequencer in sequencers} == {48}


def test_every_one_of_many_concurrent_writes_is_told_exactly_once(storage, container, told):
    async def upload():
        connection = storage.ready["connection_string"]
        async with ContainerClient.from_connection_string(
            connection, container.container_name
        ) as client:
            await asyncio.gather(*(client.upload_blob(f"n{n}", b"x") for n in range(60)))

    asyncio.run(upload())
    names = sorted(line["subject"].rsplit("/", 1)[1] for line in told())
    assert names == sorted(f"n{n}" for n in range(60))
