"""Downloads a blob by its signed URL: tries again what may pass, and goes on where it was cut off.

What it says of a failure never holds a signature.
"""

import http.client
import re
import ssl
import threading
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote, urlsplit

# Before each further try that got no further; a minute in all.
PAUSES_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_OTHER_VERSION = frozenset({412, 416})
_OK, _PART = 200, 206
_TIMEOUT_S = 60.0
_LONGEST_S = 30.0  # that a server may ask for
_CHUNK, _PROGRESS = 256 * 1024, 1024 * 1024
_WORDS = 64 * 1024
_TOLD = re.compile(rb"<(Code|Message|AuthenticationErrorDetail)>([^<]{1,1000})</\1>", re.ASCII)
_SIGNATURE = re.compile(r"(?i)\bsig=[^&\s'\"<>]+")


class Unfetched(Exception):
    """A file cannot be fetched; the message says which, and why, without a signature."""


class _Again(Exception):
    """What went wrong may pass; `after_s` is how long the server asks to wait."""

    def __init__(self, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s


class _File:
    """A file that is being downloaded: how much there is, and of which version."""

    def __init__(self, target: BinaryIO, size: int) -> None:
        self.target, self.size = target, size
        self.done, self.etag = 0, ""

    def begin(self, etag: str) -> None:
        """Begin anew."""
        self.target.seek(0)
        self.target.truncate()
        self.done, self.etag = 0, etag

    def headers(self) -> "dict[str, str]":
        """Ask for what is missing, of the same version."""
        if not (self.done and self.etag):
            return {}
        return {"Range": f"bytes={self.done}-", "If-Match": self.etag}

    @property
    def at(self) -> int:
        """Where in the blob the next byte is."""
        return self.done

    @property
    def partly(self) -> bool:
        """Whether the blob has more than what is wanted."""
        return False


class _Span(_File):
    """A span of a blob, which begins at `place` in a file that may have more."""

    def __init__(self, target: BinaryIO, start: int, stop: int, place: int) -> None:
        super().__init__(target, stop - start)
        self._start, self._stop, self._place = start, stop, place
        target.seek(place)

    def begin(self, etag: str) -> None:
        """Begin anew; what lies around the span stays."""
        self.target.seek(self._place)
        self.done, self.etag = 0, etag

    def headers(self) -> "dict[str, str]":
        """Ask for what is missing, of the same version."""
        same = {"If-Match": self.etag} if self.done and self.etag else {}
        return {"Range": f"bytes={self.at}-{self._stop - 1}", **same}

    @property
    def at(self) -> int:
        """Where in the blob the next byte is."""
        return self._start + self.done

    @property
    def partly(self) -> bool:
        """Whether the blob has more than what is wanted."""
        return True


class _Place(NamedTuple):
    """Where a URL leads."""

    secure: bool
    host: str
    port: "int | None"


class Source:
    """Where one thread downloads, over one connection that stays open."""

    def __init__(self, stop: threading.Event, pauses: "tuple[float, ...]" = PAUSES_S) -> None:
        self._stop, self._pauses = stop, pauses
        self._place: _Place | None = None
        self._line: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._line is not None:
            self._line.close()
        self._line = None

    def download(self, name: str, url: str, size: int, target: BinaryIO) -> None:
        """Write a blob into a file; a size of 0 is unknown.

        Raises Unfetched, and OSError if the file cannot be written.
        """
        self._persist(name, url, _File(target, size))

    def download_span(self, name: str, url: str, span: "tuple[int, int]", target: BinaryIO) -> None:
        """Write a span of a blob to its place in a file; the rest of the file stays.

        Raises Unfetched, and OSError if the file cannot be written.
        """
        self._persist(name, url, _Span(target, *span, place=span[0]))

    def download_part(self, name: str, url: str, part: "tuple[int, int]", target: BinaryIO) -> None:
        """Write a part of a blob, from where to where, as a file of its own.

        Raises Unfetched, and OSError if the file cannot be written.
        """
        if part[0] == part[1]:  # no range is empty
            return
        file = _Span(target, *part, place=0)
        self._persist(name, url, file)
        if file.done != file.size:
            raise _unfetched(name, url, f"the blob has {file.done} of its {file.size} bytes")

    def _persist(self, name: str, url: str, file: _File) -> None:
        failures = 0
        while True:
            before = file.done
            try:
                return self._go_on(url, file)
            except _Again as again:
                self.close()
                # A long file may be cut off often, as long as it grows.
                failures = 1 if file.done - before >= _PROGRESS else failures + 1
                if failures > len(self._pauses):
                    raise _unfetched(name, url, str(again)) from None
                if self._stop.wait(max(self._pauses[failures - 1], again.after_s)):
                    raise _unfetched(name, url, "another file cannot be fetched") from None
            except Unfetched as error:
                raise _unfetched(name, url, str(error)) from None

    def _go_on(self, url: str, file: _File) -> None:
        """Download what is missing. Raises _Again or Unfetched."""
        answer = self._get(url, file.headers())
        begun = f"bytes {file.at}-"
        if answer.status == _PART and (answer.headers["Content-Range"] or "").startswith(begun):
            length = _length(answer)
            if not file.etag:
                file.etag = answer.headers["ETag"] or ""
        elif answer.status == _OK and not file.partly:
            length = _length(answer)
            if file.size and length is not None and length != file.size:
                raise Unfetched(f"it has {length} bytes instead of {file.size}")
            file.begin(answer.headers["ETag"] or "")
        else:
            raise self._refused(answer, file)
        whole = file.size if length is None else file.done + length
        self._read(answer, file)
        if whole and file.done != whole:
            raise _Again(f"the connection ended after {file.done} of {whole} bytes")

    def _read(self, answer: http.client.HTTPResponse, file: _File) -> None:
        while True:
            try:
                chunk = answer.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _Again(_said(error)) from None
            if not chunk:
                break
            file.done += len(chunk)
            if file.size and file.done > file.size:
                raise Unfetched(f"it has more than {file.size} bytes")
            file.target.write(chunk)
        if not answer.isclosed():
            self.close()

    def _refused(self, answer: http.client.HTTPResponse, file: _File) -> Exception:
        """Return what an answer without content means."""
        try:
            body = answer.read(_WORDS)
        except (OSError, http.client.HTTPException):
            body = b""
        self.close()
        told = {match[1]: match[2].decode(errors="replace") for match in _TOLD.finditer(body)}
        code = told.get(b"Code") or answer.headers["x-ms-error-code"] or answer.reason
        rest = (told.get(b"Message", "").split("\n")[0], told.get(b"AuthenticationErrorDetail", ""))
        why = ": ".join(text for text in (f"{answer.status} {code}", *rest) if text)
        if answer.status in _OTHER_VERSION or answer.status == _PART:
            file.begin("")
            return _Again(why)
        return _Again(why, _asked(answer)) if answer.status in _PASSING else Unfetched(why)

    def _get(self, url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        place = _Place(parts.scheme == "https", parts.hostname or "", parts.port)
        if place != self._place:
            self.close()
        try:
            if self._line is None:
                self._line, self._place = _connection(place), place
            self._line.request("GET", f"{parts.path}?{parts.query}", headers=dict(headers))
            return self._line.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise _Again(_said(error)) from None


def _connection(place: _Place) -> http.client.HTTPConnection:
    if not place.secure:
        return http.client.HTTPConnection(place.host, place.port, timeout=_TIMEOUT_S)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(place.host, place.port, timeout=_TIMEOUT_S, context=context)


def _length(answer: http.client.HTTPResponse) -> "int | None":
    text = answer.headers["Content-Length"] or ""
    return int(text) if text.isdecimal() and len(text) < 20 else None  # noqa: PLR2004 digits


def _asked(answer: http.client.HTTPResponse) -> float:
    text = answer.headers["Retry-After"] or ""
    return min(float(text), _LONGEST_S) if text.isdecimal() else 0.0


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"


def _unfetched(name: str, url: str, why: str) -> Unfetched:
    parts = urlsplit(url)
    why = _hushed(why, parts.query)
    return Unfetched(f"{name} from {unquote(parts.path).lstrip('/')}: {why[:600]}")


def _hushed(text: str, query: str) -> str:
    """Take signatures out of a text, however it spells them."""
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if key.lower() == "sig" and value:
            text = text.replace(value, "…").replace(unquote(value), "…")
    return _SIGNATURE.sub("sig=…", text)
