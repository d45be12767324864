"""Blob Storage: the facts about a blob, and the ports that read and write."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pipeline.domain.runs.naming import BlobRef


@dataclass(frozen=True)
class BlobFacts:
    """What Storage reports about a blob.

    `etag` is canonical: without quotes. `created` and `md5` (hexadecimal) stay when only metadata,
    headers or the tier change, but not every upload has an MD5, and a new block list may keep the
    time of creation. `grows` tells an append blob.
    """

    ref: BlobRef
    etag: str
    size: int
    modified: datetime
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    md5: str = ""
    grows: bool = False


MAX_PIECE = 256 << 20  # bytes


@dataclass(frozen=True)
class Piece:
    """The part of a blob that begins at `offset` and has `length` bytes."""

    ref: BlobRef
    offset: int
    length: int

    @property
    def end(self) -> int:
        """Where the part ends."""
        return self.offset + self.length


@dataclass(frozen=True)
class ListedPage:
    """Some thousand neighbours of a listing, and the marker with which they are listed again."""

    marker: str
    blobs: Sequence[BlobFacts]

    def after(self, name: str) -> Sequence[BlobFacts]:
        """Return the blobs that come after one, which may be gone by now; all after ""."""
        names = [facts.ref.name for facts in self.blobs]
        if name in names:
            return self.blobs[names.index(name) + 1 :]
        return [facts for facts in self.blobs if facts.ref.name > name]


class Blobs(Protocol):
    """Blob Storage: whole small blobs, streams, and listings."""

    def head(self, ref: BlobRef) -> BlobFacts | None:
        """Return the blob's facts, or None if it does not exist."""

    def read(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> bytes:
        """Return a range of the blob (all by default), shorter at its end. Raises NotFound."""

    def stream(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield a range of the blob (all by default) in chunks of a few MiB. Raises NotFound."""

    def list(self, container: str, prefix: str) -> Iterator[BlobFacts]:
        """Yield the blobs below a prefix in name order, with metadata but without snapshots."""

    def list_pages(
        self, container: str, prefix: str, marker: str = "", per_page: int = 5_000
    ) -> Iterator[ListedPage]:
        """Yield what `list` yields by pages, from that of the marker on ("" is the first)."""

    def url(self, ref: BlobRef) -> str:
        """Return the blob's URL without any credential."""


class Signer(Protocol):
    """Signs the URLs by which nodes and callers reach blobs."""

    def reading(self, url: str, until: datetime) -> str:
        """Return the URL of a blob, or of a snapshot, with the right to read it until a time.

        Raises Permanent for a URL outside the account.
        """

    def creating(self, url: str, until: datetime) -> str:
        """Return the URL of a blob with the right to create it until a time, and no other right.

        Raises Permanent for a URL outside the account.
        """


class BlobWriter(Protocol):
    """Blob Storage: the writes; each is committed as a whole."""

    def write(
        self, ref: BlobRef, content: bytes, condition: str | None = None, content_type: str = ""
    ) -> str:
        """Write a small blob and return its ETag.

        `condition` None overwrites, "*" writes only if the blob is absent, and an ETag writes only
        over that version. Raises Conflict.
        """

    def upload(
        self,
        ref: BlobRef,
        chunks: Iterable[bytes],
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
        *,
        only_new: bool = False,
    ) -> BlobFacts:
        """Write a blob of any size from a stream, committed by one block list.

        With `only_new` a blob that exists stays as it is. Raises Conflict then.
        """

    def stage(self, ref: BlobRef, block: str, content: bytes | Piece) -> None:
        """Keep bytes, or a piece of a blob of this account, as a block of a blob that is to be.

        A piece has a length, of 1 byte to `MAX_PIECE`. The block stays, whatever becomes of this
        process, until `commit` takes it, or for a week. Ids of one blob's blocks have one length.
        Raises NotFound.
        """

    def commit(
        self, ref: BlobRef, blocks: Sequence[str], content_type: str = "", *, only_new: bool = False
    ) -> BlobFacts:
        """Make a blob of up to 50,000 blocks, which are staged or in the blob already.

        Raises Conflict if one of them is not there, or with `only_new` if the blob exists.
        """

    def copy(self, source: BlobRef, target: BlobRef, content_type: str = "") -> BlobFacts:
        """Copy within the account unless the target exists; return the target's facts either way.

        Without a content type the target has that of the source.

        Raises NotFound.
        """

    def snapshot(self, ref: BlobRef, etag: str) -> BlobRef:
        """Take an immutable snapshot of exactly that version.

        Raises Conflict when the ETag differs, NotFound, or Permanent when that version cannot be
        pinned.
        """

    def delete(self, ref: BlobRef) -> None:
        """Delete a blob with its snapshots, or only the named snapshot; a missing one is fine."""
