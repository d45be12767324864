"""Blob Storage through azure-storage-blob: the writes; each is committed as a whole."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TypedDict

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from pipeline.adapters import limits
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.storage import blobs
from pipeline.adapters.storage.blobs import MIB, AzureBlobs, canonical, facts_of
from pipeline.adapters.storage.sources import RANGE, Sources, granting, spans
from pipeline.adapters.translate import code_of, translated
from pipeline.domain.outputs.blocks import block_id
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict, NotFound, Permanent, Transient
from pipeline.ports.blobs import BlobFacts, Piece
from pipeline.settings import Settings

BLOCK = 8 * MIB
_STAGING = 16
_AHEAD = 4  # blocks of a stream in memory at a time
# Reasons to refuse a snapshot that pass with time.
_PASSING = frozenset({"SnapshotOperationRateExceeded", "PendingCopyOperation"})


class _Condition(TypedDict, total=False):
    """The SDK's arguments for a condition; empty without one."""

    etag: str
    match_condition: MatchConditions


_ABSENT = _Condition(match_condition=MatchConditions.IfMissing)


class AzureBlobWriter:
    """The writing port; blocks are staged in parallel and committed by one list."""

    def __init__(self, reader: AzureBlobs, sources: Sources, span: int = RANGE) -> None:
        self._reader = reader
        self._sources = sources
        self._span = span
        self._pool = ThreadPoolExecutor(_STAGING, thread_name_prefix="stage")
        self._token = SystemClock().token

    def write(
        self, ref: BlobRef, content: bytes, condition: str | None = None, content_type: str = ""
    ) -> str:
        """Write a small blob and return its ETag.

        `condition` None overwrites, "*" writes only if the blob is absent, and an ETag writes only
        over that version. Raises Conflict.
        """
        client = self._reader.client(ref)
        matching = _unchanged(condition) if condition not in (None, "*") else _Condition()
        with translated(f"write a blob of {ref.container}"):
            try:
                written = client.upload_blob(
                    content,
                    overwrite=condition != "*",
                    content_settings=_settings(content_type),
                    **matching,
                )
            except ResourceNotFoundError as error:
                if not matching:
                    raise
                raise Conflict("The blob that was to be replaced is gone.") from error
        return canonical(written["etag"])

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
        client, token = self._reader.client(ref), self._token()
        staged: deque[Future[None]] = deque()
        ids: list[str] = []
        with translated(f"upload a blob of {ref.container}"):
            for content in _blocks(chunks):
                if len(staged) == _AHEAD:
                    staged.popleft().result()
                ids.append(block_id(token, len(ids)))
                staged.append(self._pool.submit(_stage, client, ids[-1], content))
            for future in staged:
                future.result()
            return self._commit(ref, ids, content_type, dict(metadata or {}), only_new=only_new)

    def stage(self, ref: BlobRef, block: str, content: bytes | Piece) -> None:
        """Keep bytes, or a piece of a blob of this account, as a block of a blob that is to be.

        A piece has a length, of 1 byte to `MAX_PIECE`. The block stays, whatever becomes of this
        process, until `commit` takes it, or for a week. Ids of one blob's blocks have one length.
        Raises NotFound.
        """
        client = self._reader.client(ref)
        with translated(f"stage a block of a blob of {ref.container}"):
            if isinstance(content, bytes):
                _stage(client, block, content)
            else:
                span = (content.offset, limits.length_of(content))
                self._sources.stage(client, content.ref, block, span)

    def commit(
        self, ref: BlobRef, blocks: Sequence[str], content_type: str = "", *, only_new: bool = False
    ) -> BlobFacts:
        """Make a blob of up to 50,000 blocks, which are staged or in the blob already.

        Raises Conflict if one of them is not there, or with `only_new` if the blob exists.
        """
        with translated(f"commit a blob of {ref.container}"):
            try:
                return self._commit(ref, blocks, content_type, only_new=only_new)
            except HttpResponseError as error:
                if code_of(error) != "InvalidBlockList":
                    raise
                raise Conflict(f"A block of the blob {ref.name} is gone.") from error

    def copy(self, source: BlobRef, target: BlobRef, content_type: str = "") -> BlobFacts:
        """Copy within the account unless the target exists; return the target's facts either way.

        Without a content type the target has that of the source.

        Raises NotFound.
        """
        if present := self._reader.head(target):
            return present
        facts = self._reader.head(source)
        if facts is None:
            raise NotFound(f"The blob to copy to {target.container} is gone.")
        try:
            return self._copy(facts, target, content_type or facts.content_type)
        except Conflict:
            present = self._reader.head(target)
            if present is None:
                raise
            return present

    def snapshot(self, ref: BlobRef, etag: str) -> BlobRef:
        """Take an immutable snapshot of exactly that version.

        Raises Conflict when the ETag differs, NotFound, or Permanent when that version cannot be
        pinned, for example because it is archived.
        """
        client = self._reader.client(ref)
        try:
            with translated(f"take a snapshot in {ref.container}"):
                taken = client.create_snapshot(**_unchanged(etag))
        except Conflict as error:
            # Gone or another version: the service may answer 412 to both, but runs end differently.
            facts = self._reader.head(ref)
            if facts is None:
                raise NotFound(f"The blob is no longer in {ref.container}.") from error
            if facts.etag == etag:
                # It is the right version, so the service has another reason.
                cause = error.__cause__
                passing = isinstance(cause, AzureError) and code_of(cause) in _PASSING
                raise (Transient if passing else Permanent)(str(error)) from error
            raise
        return replace(ref, snapshot=str(taken["snapshot"]))

    def delete(self, ref: BlobRef) -> None:
        """Delete a blob with its snapshots, or only the named snapshot; a missing one is fine."""
        client = self._reader.client(ref)
        with translated(f"delete a blob of {ref.container}"), suppress(ResourceNotFoundError):
            client.delete_blob(delete_snapshots=None if ref.snapshot else "include")

    def _copy(self, source: BlobFacts, target: BlobRef, content_type: str) -> BlobFacts:
        client, token = self._reader.client(target), self._token()
        with translated(f"copy a blob to {target.container}"):
            if source.size <= self._span and content_type == source.content_type:
                self._sources.copy(client, source.ref)
                return facts_of(target, client.get_blob_properties())
            # An asynchronous copy exposes an unfinished target; a block list is all or nothing.
            cut = list(spans(source.size, self._span))

            def stage(number: int) -> str:
                block = block_id(token, number)
                self._sources.stage(client, source.ref, block, cut[number])
                return block

            ids = list(self._pool.map(stage, range(len(cut))))
            return self._commit(
                target,
                ids,
                content_type,
                metadata=dict(source.metadata),
                only_new=True,
            )

    def _commit(
        self,
        ref: BlobRef,
        ids: Sequence[str],
        content_type: str,
        metadata: dict[str, str] | None = None,
        *,
        only_new: bool = False,
    ) -> BlobFacts:
        limits.check_parts(len(ids))
        client = self._reader.client(ref)
        committed = client.commit_block_list(
            [BlobBlock(block_id=block) for block in ids],
            content_settings=_settings(content_type),
            metadata=metadata,
            **(_ABSENT if only_new else _Condition()),
        )
        facts = facts_of(ref, client.get_blob_properties())
        if facts.etag != canonical(str(committed["etag"])):
            raise Conflict(f"A blob of {ref.container} was overwritten during its commit.")
        return facts


def connect(settings: Settings) -> AzureBlobWriter:
    """Connect to the account's blobs for writing."""
    reader = blobs.connect(settings)
    return AzureBlobWriter(reader, Sources(reader, granting(settings)))


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the stream in blocks of 8 MiB; the last one may be shorter."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)


def _unchanged(etag: str | None) -> _Condition:
    return _Condition(etag=f'"{etag}"', match_condition=MatchConditions.IfNotModified)


def _stage(client: BlobClient, block: str, content: bytes) -> None:
    client.stage_block(block, content, length=len(content))


def _settings(content_type: str) -> ContentSettings | None:
    return ContentSettings(content_type=content_type) if content_type else None
