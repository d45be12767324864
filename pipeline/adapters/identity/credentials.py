"""The app's credentials: the account's key locally, its managed identity in Azure."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential

from pipeline.errors import Permanent
from pipeline.settings import Settings

STORAGE_SCOPE = "https://storage.azure.com/.default"


@dataclass(frozen=True)
class Account:
    """A storage account: its endpoints, and its key if the app has one."""

    blob: str
    queue: str
    table: str
    key: AzureNamedKeyCredential | None

    def credential(self, settings: Settings) -> AzureNamedKeyCredential | TokenCredential:
        """Return the credential for requests to this account."""
        return self.key or identity(settings.client_id)


def storage_account(settings: Settings) -> Account:
    """Return the account of the settings. Raises Permanent for an unusable connection string."""
    if not settings.storage_connection:
        uris = (settings.blob_uri, settings.queue_uri, settings.table_uri)
        blob, queue, table = (uri.rstrip("/") for uri in uris)
        return Account(blob, queue, table, None)
    parts = dict(
        part.split("=", 1) for part in settings.storage_connection.split(";") if "=" in part
    )
    if not parts.get("AccountName") or not parts.get("AccountKey"):
        raise Permanent(
            "The setting AzureWebJobsStorage lacks an AccountName or AccountKey: "
            "use the account's whole connection string."
        )
    key = AzureNamedKeyCredential(parts["AccountName"], parts["AccountKey"])
    blob, queue, table = (_endpoint(parts, kind) for kind in ("Blob", "Queue", "Table"))
    return Account(blob, queue, table, key)


def _endpoint(parts: Mapping[str, str], kind: str) -> str:
    if given := parts.get(f"{kind}Endpoint"):
        return given.rstrip("/")
    protocol = parts.get("DefaultEndpointsProtocol", "https")
    suffix = parts.get("EndpointSuffix", "core.windows.net")
    return f"{protocol}://{parts['AccountName']}.{kind.lower()}.{suffix}"


@cache
def identity(client_id: str) -> TokenCredential:
    """Return the managed identity (Azure) or the user's own login (command line)."""
    # Half a second to import, and the local mode never needs it.
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 see above

    # It logs a page of warnings about the credentials that it tried; its error says the same.
    logging.getLogger("azure.identity").setLevel(logging.ERROR)
    return DefaultAzureCredential(managed_identity_client_id=client_id or None)


def bearer(settings: Settings) -> Callable[[], str]:
    """Return a function that returns a current token for Storage, for copies in the service."""
    return lambda: identity(settings.client_id).get_token(STORAGE_SCOPE).token
