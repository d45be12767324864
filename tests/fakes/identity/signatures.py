"""Signed URLs of the fake account: what one was signed for can be asked."""

import hashlib
from datetime import datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from pipeline.errors import Permanent


def signed(url: str, permission: str, until: datetime, endpoint: str) -> str:
    """Sign the URL of a blob; `permission` is r or c. Raises Permanent for a foreign URL."""
    if not url.startswith(f"{endpoint}/"):
        raise Permanent(f"Nobody can be given {url[:200]!a}: it is no blob of the account.")
    query = {"se": until.isoformat(), "sp": permission, "sig": _signature(url, permission)}
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def permits(url: str, permission: str) -> bool:
    """Return whether a URL was signed for its blob and this permission."""
    return parse_qs(urlsplit(url).query).get("sig") == [_signature(url, permission)]


def _signature(url: str, permission: str) -> str:
    path = url.partition("?")[0]
    return hashlib.sha256(f"{path} {permission}".encode()).hexdigest()
