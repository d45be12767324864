"""What the engine relies on when it writes blobs."""

from dataclasses import replace

import pytest

from pipeline.adapters.storage import blobs
from pipeline.adapters.storage.sources import Grant, Sources
from pipeline.adapters.storage.writer import AzureBlobWriter
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict, NotFound, Permanent
from pipeline.ports.blobs import MAX_PIECE, Piece

MIB = 1024 * 1024


@pytest.fixture
def write(ports, fresh):
    """Return a function that writes a blob below a fresh folder and returns its reference."""

    def write(name, content, container="work", **more):
        ref = BlobRef(container, f"{fresh}/{name}")
        ports.writer.write(ref, content, **more)
        return ref

    return write


# The fake needs no grant, so it has no writer without one.
WRITERS = pytest.mark.parametrize(
    ("world", "writer"),
    [
        ("fake", "the service reads the sources"),
        ("service", "the service reads the sources"),
        ("service", "the service may not read them"),
    ],
    indirect=True,
)


@pytest.fixture
def writer(request, world, ports):
    """Return the writer, and also a writer whose service may not read the sources of a copy."""
    if request.param == "the service reads the sources":
        return ports.writer
    reader = blobs.connect(world.settings)
    return AzureBlobWriter(reader, Sources(reader, Grant), span=5 * MIB)


def test_writing_replaces_by_default(ports, write):
    write("a", b"1")
    assert ports.blobs.read(write("a", b"2")) == b"2"


def test_a_container_that_is_missing_is_named_with_what_finds_the_remedy(services):
    with pytest.raises(NotFound, match=r"nowhere: 404 ContainerNotFound .*`fanfare doctor`"):
        services.ports.writer.write(BlobRef("nowhere", "a"), b"x")


def test_writing_only_if_absent_conflicts_when_present(ports, write):
    ref = write("a", b"1", condition="*")
    with pytest.raises(Conflict):
        ports.writer.write(ref, b"2", "*")
    assert ports.blobs.read(ref) == b"1"


def test_writing_over_a_version_conflicts_when_it_changed_or_is_gone(ports, write):
    ref = write("a", b"1")
    first = ports.blobs.head(ref).etag
    second = ports.writer.write(ref, b"2", first)
    assert second not in (first, "")
    with pytest.raises(Conflict):
        ports.writer.write(ref, b"3", first)
    with pytest.raises(Conflict):
        ports.writer.write(replace(ref, name=f"{ref.name}-gone"), b"3", first)


def test_an_upload_joins_a_stream_of_any_chunks(ports, fresh):
    ref = BlobRef("work", fresh)
    chunks = [b"a" * (3 * MIB), b"", b"b" * (9 * MIB), b"c"]
    facts = ports.writer.upload(ref, iter(chunks), "text/plain")
    assert facts == ports.blobs.head(ref)
    assert (facts.size, facts.content_type) == (12 * MIB + 1, "text/plain")
    assert b"".join(ports.blobs.stream(ref)) == b"".join(chunks)


def test_an_upload_of_nothing_is_an_empty_blob(ports, fresh):
    assert ports.writer.upload(BlobRef("work", fresh), []).size == 0


def test_an_upload_whose_source_fails_leaves_no_blob(ports, fresh):
    def failing():
        yield b"x" * (9 * MIB)
        raise ValueError("the source broke")

    with pytest.raises(ValueError, match="broke"):
        ports.writer.upload(BlobRef("work", fresh), failing())
    assert ports.blobs.head(BlobRef("work", fresh)) is None


def test_an_upload_of_what_has_to_be_new_leaves_an_existing_blob_alone(ports, fresh):
    ref = BlobRef("work", fresh)
    first = ports.writer.upload(ref, [b"first"], only_new=True)
    with pytest.raises(Conflict):
        ports.writer.upload(ref, [b"second"], only_new=True)
    assert ports.blobs.head(ref) == first
    assert ports.blobs.read(ref) == b"first"


@WRITERS
def test_blocks_of_bytes_and_of_pieces_are_joined_in_order(ports, writer, write):
    one, two = write("1 ü", b"one"), write("2", b"two")
    pinned = ports.writer.snapshot(one, ports.blobs.head(one).etag)
    ports.writer.write(one, b"changed")
    target = replace(one, name=f"{one.name}-all")
    writer.stage(target, "a" * 32, Piece(pinned, 0, 3))
    writer.stage(target, "b" * 32, Piece(two, 1, 2))
    writer.stage(target, "c" * 32, b"!")
    facts = writer.commit(target, ["c" * 32, "b" * 32, "a" * 32, "c" * 32], "text/plain")
    assert ports.blobs.read(target) == b"!woone!"
    assert (facts.size, facts.content_type) == (7, "text/plain")
    assert facts == ports.blobs.head(target)


@WRITERS
def test_a_block_of_a_missing_blob_is_not_found(ports, writer, fresh):
    gone = BlobRef("work", f"{fresh}-gone")
    with pytest.raises(NotFound):
        writer.stage(BlobRef("work", fresh), "a" * 32, Piece(gone, 0, 3))
    assert ports.blobs.head(BlobRef("work", fresh)) is None


@WRITERS
def test_a_block_may_be_larger_than_what_is_held_in_memory(ports, writer, fresh):
    source, target = BlobRef("work", f"{fresh}/1"), BlobRef("output", fresh)
    content = b"abcdefg" * MIB
    ports.writer.upload(source, [content])
    writer.stage(target, "a" * 32, Piece(source, 3, 6 * MIB))
    writer.commit(target, ["a" * 32])
    assert b"".join(ports.blobs.stream(target)) == content[3 : 6 * MIB + 3]


def test_blocks_that_were_committed_may_be_committed_again(ports, fresh):
    ref = BlobRef("work", fresh)
    for number in range(3):
        ports.writer.stage(ref, f"{number:032}", b"%d" % number)
    blocks = [f"{number:032}" for number in range(3)]
    first = ports.writer.commit(ref, blocks)
    again = ports.writer.commit(ref, blocks)
    assert (ports.blobs.read(ref), again.size) == (b"012", 3)
    assert first.etag != again.etag
    with pytest.raises(Conflict):
        ports.writer.commit(ref, blocks, only_new=True)


def test_a_block_that_nobody_staged_conflicts_and_leaves_no_blob(ports, fresh):
    ref = BlobRef("work", fresh)
    ports.writer.stage(ref, "a" * 32, b"a")
    with pytest.raises(Conflict):
        ports.writer.commit(ref, ["a" * 32, "b" * 32])
    assert ports.blobs.head(ref) is None


def test_a_blob_of_no_blocks_is_empty(ports, fresh):
    assert ports.writer.commit(BlobRef("work", fresh), []).size == 0


def test_a_commit_takes_fifty_thousand_blocks_and_no_more(ports, fresh):
    with pytest.raises(Permanent):
        ports.writer.commit(BlobRef("work", fresh), ["a" * 32] * 50_001)


@pytest.mark.parametrize("length", [0, MAX_PIECE + 1])
def test_a_piece_has_a_length_that_a_block_can_have(ports, fresh, length):
    with pytest.raises(Permanent):
        ports.writer.stage(BlobRef("work", fresh), "a" * 32, Piece(BlobRef("work", "a"), 0, length))


def test_a_copy_keeps_content_type_and_metadata(world, ports, fresh):
    world.upload("input", f"{fresh}/ü", b"hello", {"fanfare_depth": "1"})
    source, target = BlobRef("input", f"{fresh}/ü"), BlobRef("output", f"{fresh}/copy")
    facts = ports.writer.copy(source, target)
    assert facts == ports.blobs.head(target)
    assert (facts.size, facts.metadata) == (5, {"fanfare_depth": "1"})
    assert ports.blobs.read(target) == b"hello"


def test_copying_to_a_blob_that_exists_returns_its_facts_unchanged(ports, write):
    one, two = write("1", b"one"), write("2", b"two")
    before = ports.blobs.head(two)
    assert ports.writer.copy(one, two) == before
    assert ports.writer.copy(replace(one, name="gone"), two) == before


def test_copying_nothing_is_not_found(ports, fresh):
    with pytest.raises(NotFound):
        ports.writer.copy(BlobRef("work", f"{fresh}-gone"), BlobRef("output", fresh))


@pytest.mark.parametrize("content", [b"", b"a,b\n"])
def test_a_copy_may_have_another_content_type(ports, fresh, content):
    source, target = BlobRef("work", fresh), BlobRef("output", fresh)
    ports.writer.write(source, content)
    facts = ports.writer.copy(source, target, "text/csv")
    assert facts == ports.blobs.head(target)
    assert (facts.content_type, ports.blobs.read(target)) == ("text/csv", content)
    assert ports.writer.copy(source, target, "text/csv") == facts


def test_a_snapshot_stays_as_it_was(ports, write):
    ref = write("a", b"1", content_type="text/plain")
    facts = ports.blobs.head(ref)
    pinned = ports.writer.snapshot(ref, facts.etag)
    ports.writer.write(ref, b"22")
    assert ports.blobs.read(pinned) == b"1"
    assert ports.blobs.head(pinned) == replace(facts, ref=pinned)
    copy = ports.writer.copy(pinned, replace(ref, name=f"{ref.name}-copy"))
    assert ports.blobs.read(copy.ref) == b"1"


def test_a_snapshot_of_another_version_conflicts_and_of_nothing_is_not_found(ports, write):
    ref = write("a", b"1")
    etag = ports.blobs.head(ref).etag
    ports.writer.write(ref, b"2")
    with pytest.raises(Conflict):
        ports.writer.snapshot(ref, etag)
    with pytest.raises(NotFound):
        ports.writer.snapshot(replace(ref, name="gone"), etag)
