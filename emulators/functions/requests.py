"""Reads from a request what every endpoint needs: its key, and its body as JSON."""

import json
from typing import cast

from aiohttp import web

from emulators.functions.worker.wire import Json


def given_key(request: web.Request) -> str:
    """Return the key of a request; the header `x-functions-key` overrides `?code=`."""
    return request.headers.get("x-functions-key") or request.query.get("code", "")


async def read_json(request: web.Request) -> Json:
    """Return the JSON body of a request; answer 400 to any other body."""
    try:
        return cast("Json", json.loads(await request.read() or b"null"))
    except ValueError as error:
        raise web.HTTPBadRequest(text="The body is not JSON.") from error
