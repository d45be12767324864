"""Hides secrets in what programs print: their values, and how logs and tracebacks spell them.

A program that tries can print its secrets so that nobody finds them: one character a line, or
encrypted. This is for programs that print one by mistake.
"""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, quote_plus

LEAST = 6  # characters of what is looked for: shorter texts are everywhere
_LEAST_LINE = 8  # of a line of a value
_WIDTHS = (64, 76)  # at which tools break lines of Base64
_LINES = re.compile(r"[\r\n]+|\\n")  # a value may be JSON, with line ends as escapes
_ESCAPES = re.compile(r"%[0-9A-F]{2}")
_URLS_OWN = bytes.maketrans(b"+/", b"-_")


class Spelling(NamedTuple):
    """How a secret is spelled, and how many bytes before and after show a part of it, too."""

    text: bytes
    before: int = 0
    after: int = 0


class _Span(NamedTuple):
    start: int
    stop: int
    name: str


class Redactor:
    """Replaces the values of secrets, by name, with a mark that has the name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.longest = 0
        # By how they begin, so that the time does not grow with the number of spellings.
        self._spellings: dict[bytes, dict[Spelling, str]] = {}
        for name, value in values.items():
            for one in spellings(value):
                self._spellings.setdefault(one.text[:LEAST], {}).setdefault(one, name)
                self.longest = max(self.longest, one.before + len(one.text) + one.after)

    def hide(self, data: bytes, first: int = 0, stop: "int | None" = None) -> bytes:
        """Return the bytes from `first` on and before `stop`, with marks in place of secrets.

        A secret is found as a whole, and its mark is there if any byte of it would be.
        """
        hidden, at = bytearray(), first
        stop = len(data) if stop is None else stop
        for span in _united(sorted(self._found(data))):
            if span.stop > first and span.start < stop:
                hidden += data[at : span.start] + f"[secret {span.name}]".encode()
                at = span.stop
        return bytes(hidden + data[at:stop])

    def hide_text(self, text: str) -> str:
        """Return a text with marks in place of secrets."""
        if not self._spellings:
            return text
        return self.hide(text.encode(errors="backslashreplace")).decode(errors="replace")

    def shows(self, text: str) -> bool:
        """Tell whether a text has a secret in it."""
        return any(True for _ in self._found(text.encode(errors="surrogateescape")))

    def _found(self, data: bytes) -> Iterator[_Span]:
        begins = self._spellings
        for at in range(len(data) - LEAST + 1 if begins else 0):
            for (text, before, after), name in begins.get(data[at : at + LEAST], {}).items():
                if data.startswith(text, at):
                    end = at + len(text) + after
                    yield _Span(max(at - before, 0), min(end, len(data)), name)


def _united(spans: "list[_Span]") -> Iterator[_Span]:
    """Yield sorted spans; those that overlap are one, with the name of the first."""
    whole: _Span | None = None
    for span in spans:
        if whole is not None and span.start < whole.stop:
            whole = whole._replace(stop=max(whole.stop, span.stop))
            continue
        if whole is not None:
            yield whole
        whole = span
    if whole is not None:
        yield whole


def spellings(value: str) -> "set[Spelling]":
    """Return how a value may stand in an output, as a whole and by lines."""
    whole = value.strip() or value
    lines = {line.strip() for line in _LINES.split(whole)}
    found = {Spelling(text) for text in _written(whole)}
    for line in lines:
        if len(line) >= _LEAST_LINE:
            found |= {Spelling(text) for text in _written(line)}
    found |= set(_encoded(whole.encode()))
    return {one for one in found if len(one.text) >= LEAST}


def _written(text: str) -> "set[bytes]":
    """Return how programs, shells, URLs, JSON, Python and HTML write a text."""
    raw = text.encode()
    quoted = {quote(text), quote(text, safe=""), quote_plus(text)}
    quoted |= {_ESCAPES.sub(lambda escape: escape[0].lower(), one) for one in quoted}
    written = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    written |= {repr(text)[1:-1], ascii(text)[1:-1], repr(raw)[2:-1], html.escape(text)}
    return {raw, raw.hex().encode(), raw.hex().upper().encode()} | {
        one.encode() for one in quoted | written
    }


def _encoded(raw: bytes) -> Iterator[Spelling]:
    """Yield how a value stands in Base64, alone or in the midst of something else.

    A character stands for six bits, so there are three ways, by where in the whole the value
    begins. Characters that other bytes have a part in are left out, and hidden with the rest.
    """
    for shift, start in ((0, 0), (1, 2), (2, 3)):
        bits = 8 * (shift + len(raw))
        text = base64.b64encode(bytes(shift) + raw)[start : bits // 6]
        if len(text) >= LEAST:
            spelling = Spelling(text, before=int(start > 0), after=int(bits % 6 > 0))
            yield from (spelling, spelling._replace(text=text.translate(_URLS_OWN)))
    whole = base64.b64encode(raw)
    for width in _WIDTHS:
        for at in range(0, len(whole) if len(whole) > width else 0, width):
            if len(line := whole[at : at + width]) >= _LEAST_LINE:
                yield Spelling(line)
