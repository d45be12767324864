"""Checks the credentials of a publisher: the topic key, a token signed with it, or an Entra
token."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from emulators._entra import Entra

_TOKEN_PREFIX = "SharedAccessSignature "  # noqa: S105  # a scheme, no secret


@dataclass(frozen=True)
class Gate:
    """Admits publishers that show the key, or a token if it checks tokens; otherwise anybody."""

    key: str | None
    entra: "Entra | None" = None

    async def refusal(self, headers: Mapping[str, str], now: datetime) -> str | None:
        """Return why the request is not authorized, or None if it is."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if self.entra is not None and scheme.lower() == "bearer":
            return await self.entra.refusal(token.strip()) or None
        if self.key is not None:
            return refusal(headers, self.key, now)
        return None if self.entra is None else "Local authentication is off: show an Entra token."


def refusal(headers: Mapping[str, str], key: str, now: datetime) -> str | None:
    """Return why the request is not authorized, or None if it is."""
    shown = headers.get("aeg-sas-key")
    if shown is not None:
        same = hmac.compare_digest(shown.encode(), key.encode())
        return None if same else "The aeg-sas-key is not this topic's key."
    token = headers.get("aeg-sas-token")
    authorization = headers.get("Authorization", "")
    if token is None and authorization.startswith(_TOKEN_PREFIX):
        token = authorization.removeprefix(_TOKEN_PREFIX)
    if token is not None:
        return _token_refusal(token, key, now)
    return "The request has neither an aeg-sas-key nor an aeg-sas-token."


def _token_refusal(token: str, key: str, now: datetime) -> str | None:
    signed, found, signature = token.rpartition("&s=")
    expected = hmac.new(base64.b64decode(key), signed.encode(), hashlib.sha256).digest()
    if not found or not hmac.compare_digest(
        unquote_plus(signature).encode(), base64.b64encode(expected)
    ):
        return "The aeg-sas-token is not signed with this topic's key."
    parts = dict(part.split("=", 1) for part in signed.split("&") if "=" in part)
    expiry = _expiry(unquote_plus(parts.get("e", "")))
    if expiry is None:
        return "The aeg-sas-token has no expiry that can be read."
    return None if now < expiry else "The aeg-sas-token has expired."


def _expiry(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, _american):
        try:
            found = read(text)
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _american(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
