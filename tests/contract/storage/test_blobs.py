"""What the engine relies on when it reads blobs."""

from datetime import UTC, datetime

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import NotFound, Permanent

MIB = 1024 * 1024


@pytest.fixture
def blob(ports, fresh):
    ref = BlobRef("input", f"{fresh}/a b%20#?ü+&.txt")
    ports.writer.write(ref, b"hello", content_type="text/plain")
    return ref


def test_head_returns_the_facts(ports, blob):
    facts = ports.blobs.head(blob)
    assert (facts.ref, facts.size, facts.content_type) == (blob, 5, "text/plain")
    assert facts.modified.astimezone(UTC) > datetime(2026, 1, 1, tzinfo=UTC)


def test_head_of_nothing_is_none(ports, fresh):
    assert ports.blobs.head(BlobRef("input", f"{fresh}/gone")) is None


def test_etags_are_canonical_everywhere(ports, blob, fresh):
    etag = ports.writer.write(blob, b"hello")
    [listed] = ports.blobs.list("input", fresh)
    assert '"' not in etag
    assert etag == ports.blobs.head(blob).etag == listed.etag


def test_reading_takes_ranges_and_stops_at_the_end(ports, blob):
    assert ports.blobs.read(blob) == b"hello"
    assert ports.blobs.read(blob, 2) == b"llo"
    assert ports.blobs.read(blob, 1, 3) == b"ell"
    assert ports.blobs.read(blob, 3, 100) == b"lo"
    assert ports.blobs.read(blob, 2, 0) == ports.blobs.read(blob, 0, 0) == b""
    assert ports.blobs.read(blob, 5, 1) == ports.blobs.read(blob, 99) == b""


def test_an_empty_blob_reads_and_streams_as_nothing(ports, fresh):
    ref = BlobRef("work", fresh)
    ports.writer.write(ref, b"")
    assert ports.blobs.read(ref) == b""
    assert b"".join(ports.blobs.stream(ref)) == b""


def test_a_stream_comes_in_chunks(ports, fresh):
    ref, content = BlobRef("work", fresh), bytes(range(256)) * 4 * 4096 * 2 + b"end"
    ports.writer.write(ref, content)
    chunks = list(ports.blobs.stream(ref))
    assert len(chunks) == 3
    assert b"".join(chunks) == content


def test_a_range_streams_in_chunks_too(ports, fresh):
    ref, content = BlobRef("work", fresh), bytes(range(256)) * 4 * 4096 * 2 + b"end"
    ports.writer.write(ref, content)
    assert b"".join(ports.blobs.stream(ref, 5)) == content[5:]
    assert b"".join(ports.blobs.stream(ref, 0, 9)) == content[:9]
    assert b"".join(ports.blobs.stream(ref, 4, 0)) == b""
    chunks = list(ports.blobs.stream(ref, 7, len(content) - 9))
    assert len(chunks) == 2
    assert b"".join(chunks) == content[7:-2]


def test_reading_nothing_is_not_found(ports, fresh):
    ref = BlobRef("input", f"{fresh}/gone")
    with pytest.raises(NotFound):
        ports.blobs.read(ref)
    with pytest.raises(NotFound):
        list(ports.blobs.stream(ref))


def test_a_missing_container_is_not_found(ports):
    ref = BlobRef("nonesuch", "a")
    with pytest.raises(NotFound):
        ports.blobs.head(ref)
    with pytest.raises(NotFound):
        list(ports.blobs.list("nonesuch", ""))
    with pytest.raises(NotFound):
        ports.writer.write(ref, b"x")


def test_a_listing_is_in_name_order_without_snapshots_and_with_metadata(world, ports, fresh):
    for name in ("b", "a/2", "a/1"):
        world.upload("input", f"{fresh}/{name}", b"x", {"fanfare_depth": "3"})
    first = BlobRef("input", f"{fresh}/a/1")
    ports.writer.snapshot(first, ports.blobs.head(first).etag)
    found = list(ports.blobs.list("input", f"{fresh}/"))
    assert [facts.ref.name for facts in found] == [f"{fresh}/{n}" for n in ("a/1", "a/2", "b")]
    assert all(facts.ref.snapshot is None and facts.size == 1 for facts in found)
    assert {tuple(facts.metadata.items()) for facts in found} == {(("fanfare_depth", "3"),)}
    assert ports.blobs.head(first).metadata == {"fanfare_depth": "3"}


def test_a_listing_goes_on_at_the_page_of_a_marker(ports, fresh):
    for number in range(5):
        ports.writer.write(BlobRef("input", f"{fresh}/{number}"), b"x")
    whole = list(ports.blobs.list_pages("input", f"{fresh}/", per_page=2))
    assert [len(page.blobs) for page in whole] == [2, 2, 1]
    listed = [facts for page in whole for facts in page.blobs]
    assert listed == list(ports.blobs.list("input", f"{fresh}/"))
    for at, page in enumerate(whole):
        rest = ports.blobs.list_pages("input", f"{fresh}/", page.marker, 2)
        assert [list(page.blobs) for page in rest] == [list(page.blobs) for page in whole[at:]]


def test_a_url_is_escaped_and_carries_no_credential(ports, blob, fresh):
    url = ports.blobs.url(blob)
    assert url.endswith(f"/fanfare/input/{fresh}/a%20b%2520%23%3F%C3%BC%2B%26.txt")
    snapshot = BlobRef("input", "a", "2026-11-23T10:00:00.0000001Z")
    assert ports.blobs.url(snapshot).endswith("/a?snapshot=2026-11-23T10%3A00%3A00.0000001Z")


@pytest.mark.parametrize("name", ["", "a/../b", "./a", "..", "a/.", "n" * 1025])
def test_names_that_would_mean_another_blob_are_refused(ports, name):
    ref = BlobRef("input", name)
    for verb in (ports.blobs.head, ports.blobs.read, ports.blobs.url):
        with pytest.raises(Permanent):
            verb(ref)
    with pytest.raises(Permanent):
        ports.writer.write(ref, b"x")
