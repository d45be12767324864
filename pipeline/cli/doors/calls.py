"""Calls an app and Storage over HTTP. What an app refuses becomes an error of the engine."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pipeline.cli.doors.address import Address, is_here
from pipeline.cli.exits import CommandError, Exit
from pipeline.domain.texts.visible import visible
from pipeline.errors import Conflict, FanfareError, NotFound, Permanent, Transient

_ANSWER_S = 120.0  # the app may have to start
_CHUNK = 1 << 20
_LARGEST = 64 << 20  # bytes of an answer that is held in memory
_SHOWN = 600
_PASSING = frozenset({408, 425, 429, 502, 503, 504})
_REFUSED = frozenset({401, 403})

type Headers = Mapping[str, str]
type Content = bytes | Iterable[bytes] | None


class Refused(CommandError):
    """The app or Storage does not accept this caller."""


@dataclass(frozen=True)
class Calls:
    """Requests to one app; `credential` returns the headers that prove who asks."""

    address: Address
    credential: Callable[[], Headers]

    def get(self, *path: str, **asked: object) -> Any:  # noqa: ANN401 - JSON of a stranger
        """Read what a route answers. Raises NotFound, Transient, Refused, Permanent."""
        query = {name: str(value) for name, value in asked.items() if value is not None}
        return self._json("GET", self._url(path) + (f"?{urlencode(query)}" if query else ""))

    def post(self, *path: str, body: object = None) -> Any:  # noqa: ANN401 - as `get`
        """Have a route do something. Raises as `get`, and Conflict."""
        return self._json("POST", self._url(path), json.dumps(body or {}).encode())

    def _url(self, path: Iterable[str]) -> str:
        return f"{self.address.url}/api/{'/'.join(quote(one, safe='') for one in path)}"

    def _json(self, method: str, url: str, content: bytes | None = None) -> Any:  # noqa: ANN401
        kind = {"content-type": "application/json"} if content is not None else {}
        with sent(method, url, content, {**kind, **self.credential()}) as answer:
            text = answer.read(_LARGEST + 1)
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise strange(url) from error


def strange(url: str) -> CommandError:
    """Return the error for an answer that no app of Fanfare gives."""
    return CommandError(
        f"{_plain(url)} does not answer as an app of Fanfare: check the address.",
        Exit.UNREACHABLE,
    )


def read(url: str) -> bytes:
    """Read a small blob by its signed URL. Raises as `Calls.get`."""
    with sent("GET", url) as answer:
        content: bytes = answer.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise CommandError(f"{_plain(url)} has more than {_LARGEST >> 20} MiB: use --direct.")
    return content


def stream(url: str, offset: int) -> Iterator[bytes]:
    """Yield a blob by its signed URL from an offset on. Raises as `Calls.get`."""
    asked = {"range": f"bytes={offset}-"} if offset else {}
    with sent("GET", url, None, asked) as answer:
        if offset and answer.status != http.client.PARTIAL_CONTENT:
            raise Permanent(f"{_plain(url)} does not answer with a part of the file.")
        while chunk := _next(answer, url):
            yield chunk


def put(url: str, content: Iterable[bytes], size: int) -> None:
    """Create a blob by its signed URL. Raises as `Calls.get`."""
    head = {
        "x-ms-blob-type": "BlockBlob",
        "content-type": "application/octet-stream",
        "content-length": str(size),
    }
    with sent("PUT", url, content, head):
        return


@contextmanager
def sent(
    method: str, url: str, content: Content = None, headers: Headers | None = None
) -> Iterator[http.client.HTTPResponse]:
    """Make a request and hold its good answer during a with block. Raises as `Calls.get`."""
    opener, head = _opener(url), dict(headers or {})
    asked = urllib.request.Request(url, content, head, method=method)  # noqa: S310 - see `_opener`
    try:
        answer = opener.open(asked, timeout=_ANSWER_S)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(method, url, error) from error
    except (OSError, http.client.HTTPException) as error:
        raise _silence(method, url, error) from error
    with answer:
        yield answer


def _next(answer: http.client.HTTPResponse, url: str) -> bytes:
    try:
        return answer.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _silence("GET", url, error) from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the credential would go to whoever the answer names."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Return no further request."""


def _opener(url: str) -> urllib.request.OpenerDirector:
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise strange(url) from None
    # The app may have named it: no other kind of address, and nothing unencrypted.
    if not good or not (parts.scheme == "https" or (parts.scheme == "http" and is_here(url))):
        raise strange(url)
    proxies = [urllib.request.ProxyHandler({})] if is_here(url) else []
    secure = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    return urllib.request.build_opener(*proxies, secure, _NoRedirect())


def _refusal(method: str, url: str, answer: urllib.error.HTTPError) -> FanfareError:
    """Return the error that a status means, with the app's own words."""
    said = _said(answer)
    where = f"{method} {_plain(url)}: {answer.code}"
    if answer.code in _REFUSED:
        text = said or "the function key or the signature is wrong"
        code = Exit.UNREACHABLE if answer.code == http.client.UNAUTHORIZED else Exit.FAILED
        return Refused(f"{where}: {text}", code)
    if said and answer.code in _KINDS:
        return _KINDS[answer.code](said)
    if answer.code in _PASSING:
        return Transient(f"{where}: {said or 'no answer now'}: repeat the command later.")
    if said:
        return Permanent(said)
    return strange(url) if answer.code < http.client.INTERNAL_SERVER_ERROR else Permanent(where)


_KINDS: Mapping[int, type[FanfareError]] = {404: NotFound, 409: Conflict}


def _said(answer: urllib.error.HTTPError) -> str:
    try:
        found = json.loads(answer.read(_LARGEST))
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return ""
    said = found.get("error") if isinstance(found, dict) else None
    return visible(said)[:_SHOWN] if isinstance(said, str) else ""


def _silence(method: str, url: str, error: Exception) -> Transient:
    reason = getattr(error, "reason", None) or error or type(error).__name__
    return Transient(
        f"{method} {_plain(url)}: no answer ({reason}). Is the address right, and does the app run?"
    )


def _plain(url: str) -> str:
    """Return a URL without its query, which may be a signature."""
    return visible(url.partition("?")[0])[:_SHOWN]
