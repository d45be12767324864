"""Says how programs, logs and tracebacks spell a value. Only a task with secrets loads it."""

import base64
import html
import json
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus

LEAST = 6  # bytes of what is looked for: shorter texts are everywhere
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
