"""The Event Grid trigger: one webhook, both handshakes, one invocation an event."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from aiohttp import web

from emulators.functions.app.definitions import Function
from emulators.functions.app.invocations import Call, Invocations
from emulators.functions.errors import HostError
from emulators.functions.eventgrid import json_net
from emulators.functions.keys import EVENT_GRID_KEY, Keys
from emulators.functions.requests import given_key, read_body
from emulators.functions.worker.wire import Datum, Json

PATH = "/runtime/webhooks/eventgrid"
_ORIGIN = "eventgrid.azure.net"


class EventGridWebhook:
    """Serves every function with an Event Grid trigger; without keys it checks no request.

    It answers 500 without a body where Microsoft's library raises.
    """

    def __init__(
        self,
        functions: Iterable[Function],
        invocations: Invocations,
        keys: Keys | None,
        zone: ZoneInfo,
    ) -> None:
        self._functions = {function.name: function for function in functions}
        self._invocations = invocations
        self._keys = keys
        self._zone = zone

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a validation, a batch of events, or the end of a subscription."""
        if self._keys is not None and not self._keys.allows_system(
            EVENT_GRID_KEY, given_key(request)
        ):
            raise web.HTTPUnauthorized(text="")
        name = ",".join(v for n, v in request.query.items() if n.lower() == "functionname")
        function = self._functions.get(name)
        if function is None:
            raise web.HTTPNotFound(text=f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return web.Response(headers={"WebHook-Allowed-Origin": _ORIGIN})
        match request.headers.get("aeg-event-type", "").lower():
            case "subscriptionvalidation":
                code = validation_code(await self._read(request))
                return web.Response(text=f'{{"validationResponse":"{json_net.escaped(code)}"}}')
            case "notification":
                return await self._notify(function, await self._read(request))
            case "unsubscribe":
                return web.Response(status=202)
            case _:
                return web.Response(status=400)

    async def _read(self, request: web.Request) -> Json:
        try:
            return json_net.read(await read_body(request), self._zone)
        except ValueError as error:
            raise web.HTTPInternalServerError(text="") from error

    async def _notify(self, function: Function, body: Json) -> web.Response:
        events = body if isinstance(body, list) else [body]
        sound = list(itertools.takewhile(lambda event: isinstance(event, dict), events))
        many = function.trigger.text("cardinality").lower() == "many"
        whole = len(sound) == len(events)
        calls: list[Json] = ([sound] if whole else []) if many else list(sound)
        results = await asyncio.gather(*(self._succeeds(function, call) for call in calls))
        if not whole:
            return web.Response(status=500)
        if not all(results):
            return web.Response(
                status=500, text=f"Exception while executing function: {function.name}"
            )
        return web.Response(status=202)

    async def _succeeds(self, function: Function, event: Json) -> bool:
        try:
            await self._invocations.run(function, event_call(event))
        except HostError:
            return False
        return True


def event_call(event: Json) -> Call:
    """Return what an event passes to its function, with the trace context of a CloudEvent."""
    trace_parent = event.get("traceparent") if isinstance(event, dict) else None
    datum: Datum = {"kind": "json", "value": json_net.indented(event)}
    return Call("EventGrid trigger fired.", datum, trace_parent=str(trace_parent or ""))


def validation_code(body: Json) -> str:
    """Find the code to echo: in the data of the first event, or, as JSON text, in that of an only
    one."""
    event = body[0] if isinstance(body, list) and body else body
    data = event.get("data") if isinstance(event, dict) else None
    if isinstance(data, str) and isinstance(body, dict):
        with contextlib.suppress(ValueError, RecursionError):
            data = json.loads(data)
    if not isinstance(data, dict) or "validationCode" not in data:
        raise web.HTTPInternalServerError(text="")
    return json_net.as_text(data["validationCode"])
