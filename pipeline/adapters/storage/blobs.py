"""Blob Storage through azure-storage-blob: the reads, and the client that the writes share."""

from collections.abc import Iterator
from functools import cache
from urllib.parse import quote

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.paging import PageIterator
from azure.storage.blob import BlobClient, BlobProperties, BlobServiceClient, BlobType

from pipeline.adapters import limits
from pipeline.adapters.identity.credentials import storage_account
from pipeline.adapters.translate import code_of, status_of, translated
from pipeline.adapters.transport import transport_to
from pipeline.domain.runs.naming import BlobRef
from pipeline.ports.blobs import BlobFacts, ListedPage
from pipeline.settings import Settings

MIB = 1024 * 1024
_PAST_THE_END = 416


class AzureBlobs:
    """The blobs port; ETags are returned without quotes."""

    def __init__(self, service: BlobServiceClient, endpoint: str) -> None:
        self._service = service
        self._endpoint = endpoint

    def head(self, ref: BlobRef) -> BlobFacts | None:
        """Return the blob's facts, or None if it does not exist."""
        with translated(f"look at a blob of {ref.container}"):
            try:
                return facts_of(ref, self.client(ref).get_blob_properties())
            except ResourceNotFoundError as error:
                if code_of(error) == "ContainerNotFound":
                    raise
                return None

    def read(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> bytes:
        """Return a range of the blob (all by default), shorter at its end. Raises NotFound."""
        if length == 0:
            return b""  # no range of HTTP is empty
        with translated(f"read a blob of {ref.container}"):
            try:
                return self.client(ref).download_blob(offset, length).readall()
            except HttpResponseError as error:
                if status_of(error) != _PAST_THE_END:
                    raise
                return b""

    def stream(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield a range of the blob (all by default) in chunks of a few MiB. Raises NotFound."""
        if length == 0:
            return
        with translated(f"read a blob of {ref.container}"):
            # Later chunks have If-Match: a blob that is overwritten meanwhile raises Conflict.
            start = offset if offset or length else None  # an empty blob has no range
            yield from self.client(ref).download_blob(start, length).chunks()

    def list(self, container: str, prefix: str) -> Iterator[BlobFacts]:
        """Yield the blobs below a prefix in name order, with metadata but without snapshots."""
        client = self._service.get_container_client(container)
        with translated(f"list {container}"):
            for found in client.list_blobs(name_starts_with=prefix, include=["metadata"]):
                yield facts_of(BlobRef(container, found.name), found)

    def list_pages(
        self, container: str, prefix: str, marker: str = "", per_page: int = 5_000
    ) -> Iterator[ListedPage]:
        """Yield what `list` yields by pages, from that of the marker on ("" is the first)."""
        client = self._service.get_container_client(container)
        with translated(f"list {container}"):
            listing = client.list_blobs(
                name_starts_with=prefix, include=["metadata"], results_per_page=per_page
            )
            pages: PageIterator[BlobProperties]
            pages = listing.by_page(marker or None)  # type: ignore[assignment] # declared too wide
            for page in pages:
                blobs = [facts_of(BlobRef(container, found.name), found) for found in page]
                yield ListedPage(marker, blobs)
                marker = pages.continuation_token or ""

    def url(self, ref: BlobRef) -> str:
        """Return the blob's URL without any credential."""
        limits.check_blob_name(ref.name)
        query = f"?snapshot={quote(ref.snapshot, safe='')}" if ref.snapshot else ""
        return f"{self._endpoint}/{ref.container}/{quote(ref.name, safe='~/')}{query}"

    def client(self, ref: BlobRef) -> BlobClient:
        """Return the SDK's client for one blob."""
        limits.check_blob_name(ref.name)
        return self._service.get_blob_client(ref.container, ref.name, snapshot=ref.snapshot)


def facts_of(ref: BlobRef, found: BlobProperties) -> BlobFacts:
    """Return the SDK's properties as facts."""
    return BlobFacts(
        ref,
        canonical(found.etag),
        found.size,
        found.last_modified,
        found.content_settings.content_type or "",
        dict(found.metadata or {}),
        created=found.creation_time,
        md5=bytes(found.content_settings.content_md5 or b"").hex(),
        grows=found.blob_type == BlobType.APPENDBLOB,
    )


def canonical(etag: str | None) -> str:
    """Return an ETag without quotes: listings have none, single reads do."""
    return (etag or "").strip('"')


@cache
def connect(settings: Settings) -> AzureBlobs:
    """Connect to the account's blobs; both ports share one client."""
    account = storage_account(settings)
    service = BlobServiceClient(
        account.blob,
        credential=account.credential(settings),
        transport=transport_to(account.blob),
        max_single_get_size=4 * MIB,
        max_chunk_get_size=4 * MIB,
        initial_backoff=1,
        increment_base=2,
    )
    return AzureBlobs(service, account.blob)
