"""Who may call: what each route requires, and how a publisher shows the topic key, a token signed
with it, or an Entra token."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aiohttp import web

from emulators._gate import JSON, Entry, Refusal, header_bytes
from emulators._porter import Porter

if TYPE_CHECKING:
    from emulators._entra import Entra

KEY_HEADER = "aeg-sas-key"
EVENTS = JSON | {"application/cloudevents+json", "application/cloudevents-batch+json"}
ENTRIES = (
    Entry("/api/events", kinds=EVENTS),  # publishing checks key or token itself
    Entry("/topics/", kinds=EVENTS),
    Entry("/subscriptions", key=True),
    Entry("/subscriptions/", key=True, kinds=JSON),
    Entry("/_admin/", key=True, kinds=JSON),
)
_CODES = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound",
    408: "RequestTimeout", 413: "RequestEntityTooLarge", 415: "UnsupportedMediaType",
    421: "MisdirectedRequest",
}  # fmt: skip
_TOKEN_PREFIX = "SharedAccessSignature "  # noqa: S105  # a scheme, no secret


@dataclass(frozen=True)
class Gate:
    """Admits publishers that show the key, or an Entra token if it checks tokens."""

    key: str
    entra: "Entra | None" = None
    # Without it only tokens open a topic; the emulator's own routes still need the key.
    keys_publish: bool = True

    async def refusal(self, headers: Mapping[str, str], now: datetime) -> str | None:
        """Return why the request is not authorized, or None if it is."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if self.entra is not None and scheme.lower() == "bearer":
            return await self.entra.refusal(token.strip()) or None
        if self.keys_publish:
            return refusal(headers, self.key, now)
        return "Local authentication is off: show an Entra token."


def refusal(headers: Mapping[str, str], key: str, now: datetime) -> str | None:
    """Return why the request is not authorized, or None if it is."""
    shown = headers.get("aeg-sas-key")
    if shown is not None:
        same = hmac.compare_digest(header_bytes(shown), key.encode())
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
    expected = hmac.new(base64.b64decode(key), header_bytes(signed), hashlib.sha256).digest()
    if not found or not hmac.compare_digest(
        header_bytes(unquote_plus(signature)), base64.b64encode(expected)
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


def porter(key: str, allowed_hosts: frozenset[str]) -> Porter:
    """Return the porter of one emulator; a token signed with the key is as good as the key."""

    def shows_key(request: web.Request) -> bool:
        return refusal(request.headers, key, datetime.now(UTC)) is None

    return Porter(ENTRIES, KEY_HEADER, shows_key, _answer, allowed_hosts)


def error_answer(status: int, message: str) -> web.Response:
    """Return an error in the form of the service."""
    body = {"error": {"code": _CODES.get(status, "Error"), "message": message}}
    return web.json_response(body, status=status)


def _answer(_: web.Request, refused: Refusal) -> web.Response:
    return error_answer(refused.status, str(refused))
