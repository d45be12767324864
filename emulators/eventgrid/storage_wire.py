"""The two storage calls that Event Grid makes: put a queue message and put a blob.

It signs them with SharedKey or with tokens of a managed identity.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from emulators._identity import Tokens

_API_VERSION = "2021-12-02"
_TIMEOUT = aiohttp.ClientTimeout(total=30)


class BadConnectionString(ValueError):
    """The storage connection string lacks a part."""


@dataclass(frozen=True)
class StorageAccount:
    """Where the queues and blobs of an account are, and the key or the identity that opens them."""

    name: str
    queue_endpoint: str
    blob_endpoint: str
    key: str = ""
    client_id: str = ""

    @classmethod
    def parse(cls, text: str) -> "StorageAccount":
        """Read a connection string with explicit endpoints; ClientId may replace AccountKey."""
        parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
        opens = "ClientId" if parts.get("ClientId") else "AccountKey"
        names = ("AccountName", "QueueEndpoint", "BlobEndpoint", opens)
        missing = [name for name in names if not parts.get(name)]
        if missing:
            raise BadConnectionString(f"The connection string lacks {', '.join(missing)}.")
        name, queue, blob = (parts[name] for name in names[:3])
        return cls(name, queue, blob, parts.get("AccountKey", ""), parts.get("ClientId", ""))


class StorageClient:
    """Sends authorized requests to one storage account."""

    def __init__(self, account: StorageAccount, session: aiohttp.ClientSession) -> None:
        self._account = account
        self._session = session
        self._tokens = Tokens(session)

    async def put_message(self, queue: str, text: str, ttl_s: int) -> int:
        """Add a Base64 message to a queue and return the HTTP status."""
        encoded = base64.b64encode(text.encode()).decode()
        body = f"<QueueMessage><MessageText>{encoded}</MessageText></QueueMessage>"
        url = f"{self._account.queue_endpoint.rstrip('/')}/{quote(queue)}/messages"
        query = {"messagettl": str(ttl_s)}
        return await self._send("POST", url, query, {}, body.encode())

    async def put_blob(self, container: str, name: str, body: bytes) -> int:
        """Write a block blob and return the HTTP status."""
        url = f"{self._account.blob_endpoint.rstrip('/')}/{quote(container)}/{quote(name)}"
        return await self._send("PUT", url, {}, {"x-ms-blob-type": "BlockBlob"}, body)

    async def _send(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> int:
        content_type = "application/json" if method == "PUT" else "application/xml"
        sent = {**headers, "x-ms-date": formatdate(usegmt=True), "x-ms-version": _API_VERSION}
        if self._account.client_id:
            authorization = await self._tokens.authorization(self._account.client_id)
        else:
            resource = f"/{self._account.name}{urlsplit(url).path}"
            for name, value in sorted(query.items()):
                resource += f"\n{name}:{value}"
            canonical = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
            # After the length: MD5, type, date and five conditions, of which only the type is set.
            fixed = f"{method}\n\n\n{len(body)}\n\n{content_type}\n\n\n\n\n\n\n"
            signature = _sign(self._account.key, fixed + canonical + resource)
            authorization = f"SharedKey {self._account.name}:{signature}"
        everything = {**sent, "Content-Type": content_type, "Authorization": authorization}
        target = URL(url, encoded=True).with_query(query)
        async with self._session.request(
            method, target, data=body, headers=everything, timeout=_TIMEOUT
        ) as answer:
            await answer.read()
            return answer.status


def _sign(key: str, text: str) -> str:
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
