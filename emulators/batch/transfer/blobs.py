"""The few Blob calls that a node makes, signed where an identity demands it."""

import asyncio
import base64
import hashlib
import hmac
import os
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import aiohttp
from yarl import URL

from emulators._identity import Tokens
from emulators.batch.transfer.identities import Grant

_VERSION = "2021-12-02"
_WHOLE_LIMIT = 128 << 20
_BLOCK = 32 << 20
_PIECE = 1 << 20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_OK = frozenset({200, 201, 206})


class BlobRefused(Exception):
    """Storage answered with an error status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status} {text[:200]}")
        self.status = status


class Blobs:
    """Download, list and upload through one HTTP session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._tokens = Tokens(session)

    async def download(self, url: str, grant: Grant, target: Path) -> None:
        """Fetch a blob into a file."""
        target.parent.mkdir(parents=True, exist_ok=True)
        headers = await self._opened("GET", url, grant, {})
        async with self._session.get(URL(url, encoded=True), headers=headers) as answer:
            await _check(answer)
            # The folder is new, so whatever has the name is a link that somebody put there.
            with os.fdopen(os.open(target, _NEW, 0o666), "wb") as file:
                async for piece in answer.content.iter_chunked(_PIECE):
                    file.write(piece)

    async def page(
        self, container_url: str, grant: Grant, prefix: str, marker: str
    ) -> tuple[list[str], str]:
        """Return some blobs with a prefix, and the marker of the next page."""
        wanted = urlencode({"prefix": prefix, "marker": marker}, quote_via=quote)
        url = with_query(container_url, f"restype=container&comp=list&{wanted}")
        headers = await self._opened("GET", url, grant, {})
        async with self._session.get(URL(url, encoded=True), headers=headers) as answer:
            await _check(answer)
            # We trust the list: the task's owner named the storage account, and it is on loopback.
            page = ET.fromstring(await answer.text())  # noqa: S314 - no entity is resolved, expat is current
        names = [name.text or "" for name in page.iter("Name")]
        return names, page.findtext("NextMarker") or ""

    async def upload(
        self, url: str, grant: Grant, source: BinaryIO, headers: Mapping[str, str]
    ) -> None:
        """Store an open file as a block blob, in several blocks if it is large."""
        size = os.fstat(source.fileno()).st_size
        if size <= _WHOLE_LIMIT:
            extra = {**headers, "x-ms-blob-type": "BlockBlob"}
            await self._put(
                url,
                grant,
                os.pread(source.fileno(), size, 0) if size < _PIECE else _pieces(source, 0, size),
                size,
                extra,
            )
            return
        ids = []
        for number, start in enumerate(range(0, size, _BLOCK)):
            ids.append(base64.b64encode(f"{number:08}".encode()).decode())
            length = min(_BLOCK, size - start)
            block_url = with_query(url, f"comp=block&blockid={quote(ids[-1], safe='')}")
            await self._put(block_url, grant, _pieces(source, start, length), length, {})
        listing = "<BlockList>" + "".join(f"<Latest>{one}</Latest>" for one in ids) + "</BlockList>"
        await self._put(
            with_query(url, "comp=blocklist"), grant, listing.encode(), len(listing), dict(headers)
        )

    async def _opened(
        self, method: str, url: str, grant: Grant, headers: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the headers with those that the grant adds."""
        sent = _dated(headers)
        if grant.client_id:
            return {**sent, "Authorization": await self._tokens.authorization(grant.client_id)}
        return _signed(method, url, grant, sent) if grant.key else sent

    async def _put(
        self,
        url: str,
        grant: Grant,
        body: bytes | AsyncIterator[bytes],
        size: int,
        extra: Mapping[str, str],
    ) -> None:
        plain = {**extra, "Content-Length": str(size), "Content-Type": "application/octet-stream"}
        headers = await self._opened("PUT", url, grant, plain)
        async with self._session.put(URL(url, encoded=True), headers=headers, data=body) as answer:
            await _check(answer)


async def _pieces(source: BinaryIO, start: int, length: int) -> AsyncIterator[bytes]:
    while length > 0:
        piece = os.pread(source.fileno(), min(_PIECE, length), start)
        if not piece:
            return
        start, length = start + len(piece), length - len(piece)
        yield piece
        await asyncio.sleep(0)


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status not in _OK:
        raise BlobRefused(
            answer.status, answer.headers.get("x-ms-error-code", "") or await answer.text()
        )


def with_query(url: str, query: str) -> str:
    """Add parameters to a URL, which may have some already."""
    return f"{url}{'&' if urlsplit(url).query else '?'}{query}"


def blob_url(container_url: str, name: str) -> str:
    """Return the URL of a blob in a container whose URL may carry a SAS."""
    parts = urlsplit(container_url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name, safe='/~')}").geturl()


def _dated(headers: Mapping[str, str]) -> dict[str, str]:
    now = format_datetime(datetime.now(UTC), usegmt=True)
    return {**headers, "x-ms-version": _VERSION, "x-ms-date": now}


def _signed(method: str, url: str, grant: Grant, sent: Mapping[str, str]) -> dict[str, str]:
    length = sent.get("Content-Length", "")
    plain = [
        method,
        "",
        "",
        "" if length == "0" else length,
        "",
        sent.get("Content-Type", ""),
        *[""] * 6,
    ]
    own = sorted(
        (name.lower(), value) for name, value in sent.items() if name.lower().startswith("x-ms-")
    )
    parts = urlsplit(url)
    query = sorted(
        (name.lower(), value) for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    text = "\n".join(
        [
            *plain,
            *(f"{name}:{value}" for name, value in own),
            f"/{grant.account}{parts.path}",
            *(f"{name}:{value}" for name, value in query),
        ]
    )
    digest = hmac.new(base64.b64decode(grant.key), text.encode(), hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {**sent, "Authorization": f"SharedKey {grant.account}:{signature}"}
