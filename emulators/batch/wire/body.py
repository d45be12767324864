"""Reads the body of a request: bounded, JSON, an object that can be written again."""

import json
import math

from aiohttp import web

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError

_MOST_BYTES = 1 << 20
# Fewer brackets than these cannot nest so deeply that Python's own limit is near.
_MANY_BRACKETS = 900
_MARGIN = 50


async def read_body(request: web.Request) -> Doc:
    """Return the body; none at all is an empty object."""
    if request.content_length is not None and request.content_length > _MOST_BYTES:
        raise _too_large()
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large() from error
    if len(raw) > _MOST_BYTES:
        raise _too_large()
    return parse_body(raw) if raw.strip() else {}


def parse_body(raw: bytes) -> Doc:
    """Understand a body, or refuse it: what cannot be echoed or run is no good either."""
    try:
        body = json.loads(raw, parse_constant=_refuse_number, parse_float=_finite)
        if b"\\u" in raw:
            _check_characters(body)
        _check_depth(body, raw)
    except (ValueError, RecursionError) as error:
        raise _invalid(str(error)[:200]) from error
    if not isinstance(body, dict):
        raise _invalid("The body has to be an object.")
    return body


def _check_depth(body: object, raw: bytes) -> None:
    """Refuse what could be read but not written again once it is part of something larger."""
    if raw.count(b"[") + raw.count(b"{") > _MANY_BRACKETS:
        for _ in range(_MARGIN):
            body = [body]
        json.dumps(body)


def _check_characters(body: object) -> None:
    written = json.dumps(body, ensure_ascii=False)
    written.encode()
    if "\\u0000" in written:
        raise ValueError("Texts must not hold the character NUL.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:50]} is too large a number.")
    return number


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON number.")


def _too_large() -> BatchError:
    return BatchError("RequestBodyTooLarge", MaxLimit=str(_MOST_BYTES))


def _invalid(reason: str) -> BatchError:
    return BatchError("InvalidRequestBody", Reason=reason)
