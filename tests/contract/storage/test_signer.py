"""Signed URLs: who has one reads that blob, without any other credential."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Permanent

UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


def test_a_signed_url_reads_a_blob_and_a_snapshot_of_it(world, ports, fresh):
    ref = BlobRef("work", f"{fresh}/a b%20#?\u00fc+&.txt")
    etag = ports.writer.write(ref, b"then")
    snapshot = ports.writer.snapshot(ref, etag)
    ports.writer.write(ref, b"now")
    for blob, content in ((ref, b"now"), (snapshot, b"then")):
        url = ports.blobs.url(blob)
        signed = ports.signer.reading(url, UNTIL)
        assert signed.startswith(url)
        assert "sig=" in signed.removeprefix(url)
        assert world.fetch(signed) == content


def test_a_url_outside_the_account_is_not_signed(ports):
    for url in ("http://127.0.0.1:9/other/parts/a", "https://example.org/parts/a", "parts/a"):
        with pytest.raises(Permanent, match="no blob of the account"):
            ports.signer.reading(url, UNTIL)


def test_a_signed_url_creates_one_blob_once_and_opens_nothing_else(world, ports, fresh):
    ref = BlobRef("work", f"{fresh}/new b%20#?\u00fc.txt")
    url = ports.blobs.url(ref)
    if not world.has_callers:
        with pytest.raises(Permanent, match="Nobody uploads"):
            ports.signer.creating(url, UNTIL)
        return
    signed = ports.signer.creating(url, UNTIL)
    assert signed.startswith(url)
    assert world.put(signed, b"first")
    assert ports.blobs.read(ref) == b"first"
    assert not world.put(signed, b"second")
    assert not world.put(signed.replace("new%20", "other%20"), b"elsewhere")
    assert not world.reads(signed)
    assert ports.blobs.read(ref) == b"first"
