"""The admin endpoints: show what runs here, and start a function by hand. All need the master
key."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import cast

from aiohttp import web

from emulators._json import parse_json
from emulators.functions.app.definitions import EVENT_GRID, HTTP, QUEUE, Function
from emulators.functions.app.invocations import Call, Invocations
from emulators.functions.errors import HostError
from emulators.functions.eventgrid.webhook import event_call
from emulators.functions.keys import Keys
from emulators.functions.queue.messages import queue_call
from emulators.functions.requests import given_key, read_json
from emulators.functions.timer.listener import timer_call
from emulators.functions.worker.wire import Json

_LOG = logging.getLogger("host.admin")


class Admin:
    """Serves `/admin/…`."""

    def __init__(
        self, functions: Mapping[str, Function], invocations: Invocations, keys: Keys | None
    ) -> None:
        self._functions = {name.lower(): function for name, function in functions.items()}
        self._invocations = invocations
        self._keys = keys
        self._began = time.monotonic()
        self._running: set[asyncio.Task[None]] = set()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register the endpoints; any other path under /admin answers 501."""
        router.add_get("/admin/host/status", self._status)
        router.add_get("/admin/functions", self._list)
        router.add_post("/admin/functions/{name}", self._start)
        router.add_route("*", "/admin/{operation:(?s:.*)}", self._not_implemented)

    def _check(self, request: web.Request) -> None:
        if self._keys is not None and not self._keys.allows("admin", "", given_key(request)):
            raise web.HTTPUnauthorized(text="")

    async def _status(self, request: web.Request) -> web.Response:
        self._check(request)
        uptime = round((time.monotonic() - self._began) * 1000)
        body = {"id": "fanfare-local", "state": "Running", "version": "4.0.0.0", "errors": []}
        return web.json_response({**body, "versionDetails": "emulator", "processUptime": uptime})

    async def _list(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.json_response([_describe(function) for function in self._functions.values()])

    async def _start(self, request: web.Request) -> web.Response:
        self._check(request)
        function = self._functions.get(request.match_info["name"].lower())
        if function is None:
            raise web.HTTPNotFound(text=f"There is no function {request.match_info['name']!r}.")
        if function.trigger.type == HTTP:
            raise web.HTTPBadRequest(text="An HTTP function is started at its own route.")
        body = await read_json(request)
        call = _call(function, body.get("input") if isinstance(body, dict) else None)
        task = asyncio.create_task(self._run(function, call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return web.Response(status=202)

    async def _run(self, function: Function, call: Call) -> None:
        try:
            await self._invocations.run(function, call)
        except HostError as error:
            _LOG.warning(
                "Started by hand, and failed",
                extra={"function": function.name, "error": str(error)},
            )

    async def _not_implemented(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.json_response(
            {"error": f"{request.method} {request.path} is not implemented"}, status=501
        )


def _describe(function: Function) -> dict[str, Json]:
    bindings: list[Json] = [dict(b.properties) for b in (function.trigger, *function.outputs)]
    return {
        "name": function.name,
        "isDisabled": function.disabled,
        "language": "python",
        "config": {"bindings": bindings},
    }


def _call(function: Function, value: Json) -> Call:
    given = value if isinstance(value, str) else json.dumps(value)
    if function.trigger.type == QUEUE:
        return queue_call(given.encode(), function.trigger.text("queueName"))
    if function.trigger.type == EVENT_GRID:
        try:
            return event_call(cast("Json", parse_json(given.encode())))
        except ValueError as error:
            raise web.HTTPBadRequest(text="input must be one event as JSON.") from error
    return timer_call(None, past_due=False)
