"""Reads the body of a request: limited in size, JSON, an object that can be written again."""

import json

from aiohttp import web

from emulators import _porter
from emulators._json import parse_json
from emulators.batch.document import Doc
from emulators.batch.errors import BatchError

_MOST_BYTES = 1 << 20
_TOO_LARGE = 413


async def read_body(request: web.Request) -> Doc:
    """Return the body; a missing body is an empty object."""
    try:
        raw = await _porter.read_body(request, _MOST_BYTES)
    except _porter.BodyRefused as error:
        if error.status == _TOO_LARGE:
            raise BatchError("RequestBodyTooLarge", MaxLimit=str(_MOST_BYTES)) from error
        raise
    return parse_body(raw) if raw.strip() else {}


def parse_body(raw: bytes) -> Doc:
    """Parse a body, or refuse one that cannot be echoed or stored."""
    try:
        body = parse_json(raw)
    except ValueError as error:
        raise _invalid(str(error)[:200]) from error
    if not isinstance(body, dict):
        raise _invalid("The body has to be an object.")
    if b"\\u0000" in raw and "\\u0000" in json.dumps(body, ensure_ascii=False):
        raise _invalid("Texts must not hold the character NUL.")
    return body


def _invalid(reason: str) -> BatchError:
    return BatchError("InvalidRequestBody", Reason=reason)
