"""Verifies SharedKey signatures in the way of the service."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

from emulators._gate import header_bytes
from emulators.batch.errors import BatchError

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_SKEW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request that its signature covers; header names are in lower case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]


class SharedKey:
    """The account's name and key."""

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        self._key = base64.b64decode(key, validate=True)

    def verify(self, request: Request, now: datetime) -> None:
        """Admit a request with a right signature, and refuse any other."""
        _, _, rest = request.headers["authorization"].partition(" ")
        account, separator, given = rest.partition(":")
        if not separator:
            raise BatchError("InvalidAuthenticationInfo")
        if account != self._account:
            raise _failed("The account is not the one that is served here.")
        self._check_date(request, now)
        if not any(
            hmac.compare_digest(header_bytes(given), self._sign(text).encode())
            for text in _texts(request, account)
        ):
            raise _failed("The MAC signature found in the HTTP request is not the same.")

    def _sign(self, text: str) -> str:
        return base64.b64encode(
            hmac.new(self._key, header_bytes(text), hashlib.sha256).digest()
        ).decode()

    @staticmethod
    def _check_date(request: Request, now: datetime) -> None:
        text = request.headers.get("ocp-date") or request.headers.get("date") or ""
        try:
            sent = parsedate_to_datetime(text)
        except (ValueError, OverflowError) as error:
            raise _failed("The request has no usable date in ocp-date or Date.") from error
        if abs(now - (sent if sent.tzinfo else sent.replace(tzinfo=UTC))) > _SKEW:
            raise _failed("The date of the request is more than 15 minutes from now.")


def _failed(why: str) -> BatchError:
    return BatchError("AuthenticationFailed", AuthenticationErrorDetail=why)


def _texts(request: Request, account: str) -> list[str]:
    """Return every text that a client in use may have signed."""
    lengths = {request.headers.get("content-length", "")}
    if lengths <= {"", "0"} and request.method not in ("GET", "HEAD"):
        lengths = {"", "0"}
    own = sorted(f"{name}:{value}" for name, value in request.headers.items() if "ocp-" in name)
    texts = []
    for length in lengths:
        headers = {**request.headers, "content-length": length}
        plain = [headers.get(name, "") for name in _SIGNED]
        for lower in (False, True):
            query = _query(request.raw_query, lower)
            texts.append(
                "\n".join([request.method, *plain, *own, f"/{account}{request.raw_path}{query}"])
            )
    return texts


def _query(raw: str, lower: bool) -> str:
    first: dict[str, str] = {}
    for name, value in parse_qsl(raw):
        first.setdefault(name.lower() if lower else name, value)
    return "".join(f"\n{name}:{first[name]}" for name in sorted(first))
