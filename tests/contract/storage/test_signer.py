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
