"""Read what every endpoint of the host reads of a request: its key, and its body as JSON."""

import json
from typing import cast

from aiohttp import web

from emulators.functions.worker.wire import Json


def given_key(request: web.Request) -> str:
    """Return the key of a request: the header `x-functions-key` goes before `?code=`."""
    return request.headers.get("x-functions-key") or request.query.get("code", "")


async def read_json(request: web.Request) -> Json:
    """Return a request's JSON body; answer 400 for anything else."""
    try:
        return cast("Json", json.loads(await request.read() or b"null"))
    except ValueError as error:
        raise web.HTTPBadRequest(text="The body is not JSON.") from error
