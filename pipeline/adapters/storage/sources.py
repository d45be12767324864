"""Copies within the account, done by the service: the right to read the source, and its ranges.

If the service cannot read a source for the app (a network rule; Azurite with tokens), the bytes
pass through this process, as the same blocks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (
    AccountSasPermissions,
    BlobClient,
    ResourceTypes,
    generate_account_sas,
)

from pipeline.adapters.identity.credentials import bearer, storage_account
from pipeline.adapters.storage.blobs import MIB, AzureBlobs
from pipeline.adapters.storage.span import open_span
from pipeline.adapters.translate import code_of, status_of
from pipeline.domain.runs.naming import BlobRef
from pipeline.settings import Settings

RANGE = 256 * MIB
_SIGNED_FOR = timedelta(hours=1)
_SKEW = timedelta(minutes=5)
_DENIED = (401, 403)


@dataclass(frozen=True)
class Grant:
    """The right to read a source: a signature in its URL, or a token beside it."""

    query: str = ""
    authorization: str | None = None


class Sources:
    """Blobs of the account as sources of copies."""

    def __init__(self, reader: AzureBlobs, grant: Callable[[], Grant]) -> None:
        self._reader = reader
        self._grant = grant

    def stage(self, target: BlobClient, source: BlobRef, block: str, span: tuple[int, int]) -> None:
        """Stage the span (offset, length) of a source, up to 256 MiB, as a block of the target."""
        url, authorization = self._signed(source)
        offset, length = span
        try:
            target.stage_block_from_url(
                block,
                url,
                source_offset=offset,
                source_length=length,
                source_authorization=authorization,
            )
        except HttpResponseError as error:
            if not _cannot_read(error):
                raise
            self._carry(target, source, block, span)

    def copy(self, target: BlobClient, source: BlobRef) -> None:
        """Copy a source of at most 256 MiB in one call, unless the target exists."""
        url, authorization = self._signed(source)
        target.start_copy_from_url(
            url,
            requires_sync=True,
            source_authorization=authorization,
            match_condition=MatchConditions.IfMissing,
        )

    def _carry(
        self, target: BlobClient, source: BlobRef, block: str, span: tuple[int, int]
    ) -> None:
        """Stage a span of a source by reading it here."""
        client, (offset, length) = self._reader.client(source), span
        etag = client.get_blob_properties().etag
        with open_span(client, etag, offset, length) as content:
            target.stage_block(block, content, length=length)

    def _signed(self, source: BlobRef) -> tuple[str, str | None]:
        url, grant = self._reader.url(source), self._grant()
        if not grant.query:
            return url, grant.authorization
        return f"{url}{'&' if source.snapshot else '?'}{grant.query}", grant.authorization


def _cannot_read(error: HttpResponseError) -> bool:
    """Return whether the service was not allowed to read the source of a copy."""
    return status_of(error) in _DENIED and code_of(error) == "CannotVerifyCopySource"


def spans(size: int, span: int = RANGE) -> Iterator[tuple[int, int]]:
    """Yield the spans (offset, length) that cover a blob; nothing for an empty one."""
    for offset in range(0, size, span):
        yield offset, min(span, size - offset)


def granting(settings: Settings) -> Callable[[], Grant]:
    """Return a function that makes grants: read-only signatures locally, tokens in Azure."""
    key = storage_account(settings).key
    if key is not None:
        return lambda: Grant(query=_signature(key))
    token = bearer(settings)
    return lambda: Grant(authorization=f"Bearer {token()}")


def _signature(key: AzureNamedKeyCredential) -> str:
    now = datetime.now(UTC)
    return generate_account_sas(
        key.named_key.name,
        key.named_key.key,
        ResourceTypes(object=True),
        AccountSasPermissions(read=True),
        expiry=now + _SIGNED_FOR,
        start=now - _SKEW,
    )
