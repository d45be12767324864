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


class Unintelligible(CommandError):
    """The app accepted a request, and its answer cannot be read: what it did is unknown."""


@dataclass(frozen=True)
class Calls:
    """Requests to one app; `credential` returns the headers that prove who asks."""

    address: Address
    credential: Callable[[], Headers]

    def get(self, *path: str, **asked: object) -> Any:  # noqa: ANN401 - JSON of a stranger
        """Read what a route answers. Raises NotFound, Transient, Refused, Permanent."""
        return self._json("GET", self._url(path, asked))

    def post(self, *path: str, body: object = None, **asked: object) -> Any:  # noqa: ANN401
        """Have a route do something. Raises as `get`, and Conflict."""
        return self._json("POST", self._url(path, asked), json.dumps(body or {}).encode())

    def _url(self, path: Iterable[str], asked: Mapping[str, object]) -> str:
        query = {name: str(value) for name, value in asked.items() if value is not None}
        route = "/".join(quote(one, safe="") for one in path)
        return f"{self.address.url}/api/{route}" + (f"?{urlencode(query)}" if query else "")

    def _json(self, method: str, url: str, content: bytes | None = None) -> Any:  # noqa: ANN401
        kind = {"content-type": "application/json"} if content is not None else {}
        with sent(method, url, content, {**kind, **self.credential()}) as answer:
            text = _whole(answer, method, url)
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unintelligible(str(strange(url)), Exit.UNREACHABLE) from error

    def read(self, url: str) -> tuple[str, bytes]:
        """Read a small blob by its signed URL, and its ETag. Raises as `get`."""
        with sent("GET", self._signed(url)) as answer:
            content = _whole(answer, "GET", url)
            etag = (answer.headers.get("etag") or "").strip('"')
        if len(content) > _LARGEST:
            raise CommandError(f"{_plain(url)} has more than {_LARGEST >> 20} MiB: use --direct.")
        return etag, content

    def stream(self, url: str, offset: int) -> Iterator[bytes]:
        """Yield a blob by its signed URL from an offset on. Raises as `get`."""
        asked = {"range": f"bytes={offset}-"} if offset else {}
        with sent("GET", self._signed(url), None, asked) as answer:
            if offset and answer.status != http.client.PARTIAL_CONTENT:
                raise Permanent(f"{_plain(url)} does not answer with a part of the file.")
            while chunk := _part(answer, _CHUNK, "GET", url):
                yield chunk

    def put(self, url: str, content: Iterable[bytes], size: int) -> None:
        """Create a blob by its signed URL. Raises as `get`, and Conflict."""
        head = {
            "x-ms-blob-type": "BlockBlob",
            "content-type": "application/octet-stream",
            "content-length": str(size),
        }
        with sent("PUT", self._signed(url), content, head):
            return

    def _signed(self, url: str) -> str:
        """Return a URL that the app named; only an app on this machine leads to this machine."""
        try:
            astray = is_here(url) and not is_here(self.address.url)
        except ValueError:
            raise strange(url) from None
        if astray:
            raise strange(url)
        return url


def strange(url: str, more: str = "") -> CommandError:
    """Return the error for an answer that no app of Fanfare gives."""
    return CommandError(
        f"{_plain(url)} does not answer as an app of Fanfare: check the address{more}.",
        Exit.UNREACHABLE,
    )


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
    except http.client.InvalidURL as error:
        raise strange(url) from error
    except (OSError, http.client.HTTPException) as error:
        raise _silence(method, url, error) from error
    except ValueError as error:  # such as a URL that is not ASCII
        raise strange(url) from error
    with answer:
        yield answer


def _whole(answer: http.client.HTTPResponse, method: str, url: str) -> bytes:
    """Read a body; of one that is larger than allowed, a byte more than allowed."""
    content = b""
    while len(content) <= _LARGEST:
        if not (chunk := _part(answer, _LARGEST + 1 - len(content), method, url)):
            break
        content += chunk
    return content


def _part(answer: http.client.HTTPResponse, most: int, method: str, url: str) -> bytes:
    """Read a part of a body; nothing at its end. Raises Transient if it breaks off before."""
    try:
        chunk = answer.read(most)
    except (OSError, http.client.HTTPException) as error:
        raise _silence(method, url, error) from error
    if not chunk and answer.length:
        raise _silence(method, url, ConnectionError(f"{answer.length:,} bytes did not come"))
    return chunk


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the credential would go to whoever the answer names."""

    def http_error_302(self, *_: object, **__: object) -> None:
        """Return no further answer, so that the redirect is an error."""

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


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
    said, lasting = _said(answer)
    where = f"{method} {_plain(url)}: {answer.code}"
    if answer.code in _REFUSED:
        text = said or "the function key or the signature is wrong"
        code = Exit.UNREACHABLE if answer.code == http.client.UNAUTHORIZED else Exit.FAILED
        return Refused(f"{where}: {text}", code)
    if said and answer.code in _KINDS:
        return _KINDS[answer.code](said)
    broken = answer.code >= http.client.INTERNAL_SERVER_ERROR and not lasting
    if broken or answer.code in _PASSING:
        return Transient(f"{where}: {said or 'no answer now'}: repeat the command later.")
    if said:
        return Permanent(said)
    if answer.code == http.client.CONFLICT:
        return Conflict(f"{where}: it is there, or somebody changed it meanwhile.")
    return strange(url, _OLDER if answer.code == http.client.NOT_FOUND else "")


_KINDS: Mapping[int, type[FanfareError]] = {404: NotFound, 409: Conflict}
_OLDER = ", or the app is of an older release: deploy, or give --direct"


def _said(answer: urllib.error.HTTPError) -> tuple[str, bool]:
    """Return the words of a refusal, and whether they say that repeating does not help."""
    try:
        found = json.loads(answer.read(_LARGEST))
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return "", False
    said = found.get("error") if isinstance(found, dict) else None
    if not isinstance(said, str):
        return "", False
    return visible(said)[:_SHOWN], found.get("retry") is False


def _silence(method: str, url: str, error: Exception) -> Transient:
    reason = visible(str(getattr(error, "reason", None) or error or type(error).__name__))
    return Transient(
        f"{method} {_plain(url)}: no answer ({reason[:_SHOWN]}). Is the address right, and does "
        "the app run?"
    )


def _plain(url: str) -> str:
    """Return a URL without its query, which may be a signature."""
    return visible(url.partition("?")[0])[:_SHOWN]
