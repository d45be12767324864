"""What the command line relies on: uploads that carry parameters, and deletion."""

from pipeline.domain.runs.naming import BlobRef


def test_an_upload_carries_metadata(ports, fresh):
    ref = BlobRef("work", fresh)
    ports.writer.upload(ref, [b"x"], metadata={"frames_per_task": "12"})
    assert ports.blobs.head(ref).metadata == {"frames_per_task": "12"}


def test_a_deleted_blob_is_gone_with_its_snapshots(ports, fresh):
    ref = BlobRef("work", fresh)
    etag = ports.writer.write(ref, b"x")
    taken = ports.writer.snapshot(ref, etag)
    for _ in range(2):
        ports.writer.delete(ref)
    assert ports.blobs.head(ref) is None
    assert ports.blobs.head(taken) is None


def test_a_snapshot_is_deleted_alone(ports, fresh):
    ref = BlobRef("work", fresh)
    taken = ports.writer.snapshot(ref, ports.writer.write(ref, b"x"))
    for _ in range(2):
        ports.writer.delete(taken)
    assert ports.blobs.head(ref).size == 1
    assert ports.blobs.head(taken) is None
