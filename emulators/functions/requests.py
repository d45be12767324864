"""Reads from a request what every endpoint needs: its key, and its body as JSON."""

from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from emulators import _json, _porter
from emulators.functions.worker.wire import Json

LARGEST_BODY = 100 * 1024 * 1024

type _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def only_utf8(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer 400 without a body to headers that are not UTF-8, as Azure's web server does."""
    try:
        for value in request.headers.values():
            value.encode()  # other bytes stand in the text as surrogates
    except UnicodeEncodeError:
        return web.Response(status=400)
    return await handler(request)


def given_key(request: web.Request) -> str:
    """Return the key of a request; the header `x-functions-key` overrides `?code=`."""
    return request.headers.get("x-functions-key") or request.query.get("code", "")


async def read_body(request: web.Request) -> bytes:
    """Return the body of a request, packed if it came packed: Azure unpacks none."""
    return await _porter.read_body(request, LARGEST_BODY)


async def read_json(request: web.Request) -> Json:
    """Return the JSON body of a request; answer 400 to any other body."""
    try:
        return cast("Json", _json.parse_json(await read_body(request) or b"null"))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"The body is not JSON: {str(error)[:200]}") from error
