"""Requests and answers as plain values, and which error an answer is. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fanfare.errors import Conflict, FanfareError, NotFound, Refused, Unreachable

_GOOD = range(200, 300)
_SERVER_ERROR, _TOO_MANY, _UNAVAILABLE = 500, 429, 503
_KINDS: Mapping[int, type[FanfareError]] = {404: NotFound, 409: Conflict}
_PASSING = frozenset({408, 425, _TOO_MANY, 502, _UNAVAILABLE, 504})
_SHOWN = 500
_REMEDIES: Mapping[int, str] = {
    401: "The key or the token is missing or wrong.",
    403: "This caller may not do that.",
    404: "There is nothing at this address.",
}


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    `content` is bytes, or a file whose bytes are sent. A `repeatable` request does the same when it
    is made twice.
    """

    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | Path | None = None
    repeatable: bool = True


@dataclass(frozen=True)
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the request was carried out."""
        return self.status in _GOOD

    def json(self) -> Any:  # noqa: ANN401 - JSON of a stranger
        """Read the body. Raises Unreachable if it is no JSON."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise Unreachable(
                f"The answer is no JSON ({self.content[:80]!r}): check the URL.", status=self.status
            ) from error

    @property
    def retry_after_s(self) -> float:
        """How long the server asks to wait before the request is repeated; 0 if it does not say."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isascii() and text.isdecimal() else 0.0


class NoAnswer(Exception):
    """A request got no answer; `sent` is false if it certainly never reached the server."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


def error_of(request: Request, answer: Answer) -> FanfareError | None:
    """Return the error that an answer means, or None if all is well."""
    if answer.ok:
        return None
    said, retry = _said(answer)
    kind = _KINDS.get(answer.status)
    if kind is None:
        kind = Unreachable if answer.status >= _SERVER_ERROR else Refused
    if answer.status in range(300, 400):
        kind, said = Unreachable, f"It redirects to {answer.headers.get('location', '')[:200]!r}"
    text = said or _REMEDIES.get(answer.status, "The server said nothing more.")
    return kind(
        f"{request.method} {shown(request.url)}: {answer.status}: {text}",
        retry=answer.status in _PASSING if retry is None else retry,
        status=answer.status,
    )


def lost(request: Request, reason: NoAnswer) -> Unreachable:
    """Return the error of a request that got no answer."""
    return Unreachable(
        f"{request.method} {shown(request.url)}: no answer ({reason}). Is the address right, and "
        "does the app run?",
        retry=request.repeatable or not reason.sent,
    )


def shown(url: str) -> str:
    """Return a URL without what may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{_port(parts.port)}{parts.path}"


def _port(port: int | None) -> str:
    return f":{port}" if port else ""


def _said(answer: Answer) -> tuple[str, bool | None]:
    """Return the server's text, and whether it says that repeating helps."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        return answer.content[:_SHOWN].decode("utf-8", "replace").strip(), None
    if not isinstance(body, dict):
        return "", None
    said, retry = body.get("error"), body.get("retry")
    text = said if isinstance(said, str) else json.dumps(said)[:_SHOWN]
    return text, retry if isinstance(retry, bool) else None
