"""Reads the body of a request: limited in size, JSON, an object that can be written again."""

import json
import math

from aiohttp import web

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError

_MOST_BYTES = 1 << 20
# With fewer brackets than these, nesting stays far below Python's own limit.
_MANY_BRACKETS = 900
_MARGIN = 50


async def read_body(request: web.Request) -> Doc:
    """Return the body; a missing body is an empty object."""
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
    """Parse a body, or refuse one that cannot be echoed or stored."""
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
    """Refuse a body that can be read, but not written again as part of something larger."""
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
    raise ValueError(f"{text} is not a JSON number.")


def _too_large() -> BatchError:
    return BatchError("RequestBodyTooLarge", MaxLimit=str(_MOST_BYTES))


def _invalid(reason: str) -> BatchError:
    return BatchError("InvalidRequestBody", Reason=reason)
