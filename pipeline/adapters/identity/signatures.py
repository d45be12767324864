"""Signs the URLs by which nodes reach blobs: each reads one blob, or creates blobs that are new.

Nodes have no role on the storage account. A signature is made here, without a call; in Azure with a
user delegation key, of which one lasts for days. From version 2026-04-06 on, the permission to
create covers uploads in blocks: https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services
"""

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import (
    BlobSasPermissions,
    BlobServiceClient,
    ContainerSasPermissions,
    UserDelegationKey,
    generate_blob_sas,
    generate_container_sas,
)

from pipeline.adapters.identity.credentials import storage_account
from pipeline.adapters.translate import translated
from pipeline.adapters.transport import transport_to
from pipeline.domain.notation.accounts import account_of
from pipeline.errors import Permanent
from pipeline.settings import Settings

_KEY_LASTS = timedelta(days=7)  # the longest that the service gives
_SKEW = timedelta(minutes=15)  # of clocks
_REMEMBERED = 4096


class DelegationKeys:
    """The user delegation keys of the account; each signs until it expires."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service, self._lock = service, Lock()
        self._held: tuple[UserDelegationKey, datetime] | None = None

    def until(self, moment: datetime) -> UserDelegationKey:
        """Return a key that is valid until a time. Raises what the service answers."""
        with self._lock:
            if self._held is None or self._held[1] < moment:
                now = datetime.now(UTC)
                ends = now + _KEY_LASTS - _SKEW
                with translated("get a user delegation key"):
                    key = self._service.get_user_delegation_key(now - _SKEW, ends)
                self._held = key, ends
            return self._held[0]


class Signatures:
    """Signs for one account, with its key locally and with delegation keys in Azure."""

    def __init__(self, endpoint: str, key: AzureNamedKeyCredential | DelegationKeys) -> None:
        self._endpoint, self._key = endpoint, key
        self._account = account_of(endpoint)
        self._protocol = "https" if endpoint.startswith("https:") else None
        # A task shares most of its URLs with others.
        self.reading = lru_cache(_REMEMBERED)(self._reading)
        self.creating_in = lru_cache(_REMEMBERED)(self._creating_in)

    def _reading(self, url: str, until: datetime) -> str:
        """Sign the URL of a blob, or of a snapshot, for reading it.

        Raises Permanent for a URL outside the account.
        """
        return self._signed(url, BlobSasPermissions(read=True), until)

    def creating(self, url: str, until: datetime) -> str:
        """Sign the URL of a blob for creating it, and for nothing else.

        Raises Permanent for a URL outside the account.
        """
        return self._signed(url, BlobSasPermissions(create=True), until)

    def _signed(self, url: str, permission: BlobSasPermissions, until: datetime) -> str:
        container, name, snapshot = self._blob_of(url)
        token = generate_blob_sas(
            self._account,
            container,
            name,
            snapshot=snapshot,
            permission=permission,
            expiry=until,
            protocol=self._protocol,
            **self._signer(until),
        )
        return f"{url}{'&' if snapshot else '?'}{token}"

    def _creating_in(self, container: str, until: datetime) -> str:
        """Return the URL of a container with the right to create blobs, and no other right."""
        token = generate_container_sas(
            self._account,
            container,
            permission=ContainerSasPermissions(create=True),
            expiry=until,
            protocol=self._protocol,
            **self._signer(until),
        )
        return f"{self._endpoint}/{container}?{token}"

    def _signer(self, until: datetime) -> dict[str, Any]:
        if isinstance(self._key, DelegationKeys):
            return {"user_delegation_key": self._key.until(until)}
        return {"account_key": self._key.named_key.key}

    def _blob_of(self, url: str) -> tuple[str, str, str | None]:
        """Return container, name and snapshot of a blob's URL as `Blobs.url` makes it."""
        inside = url.startswith(f"{self._endpoint}/")
        path, _, query = url.removeprefix(f"{self._endpoint}/").partition("?")
        container, _, name = path.partition("/")
        if not (inside and container and name):
            raise Permanent(f"Nobody can be given {url[:200]!a}: it is no blob of the account.")
        return container, unquote(name), parse_qs(query).get("snapshot", [None])[0]


@cache
def connect(settings: Settings) -> Signatures:
    """Return what signs for the account of the settings."""
    account = storage_account(settings)
    if account.key:
        return Signatures(account.blob, account.key)
    service = BlobServiceClient(
        account.blob, credential=account.credential(settings), transport=transport_to(account.blob)
    )
    return Signatures(account.blob, DelegationKeys(service))
