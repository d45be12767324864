"""The Event Grid trigger: one webhook, both handshakes, one invocation an event."""

import asyncio
import json
from collections.abc import Iterable

from aiohttp import web

from emulators.functions.app.definitions import Function
from emulators.functions.app.invocations import Call, Invocations
from emulators.functions.errors import HostError
from emulators.functions.keys import EVENT_GRID_KEY, Keys
from emulators.functions.requests import given_key, read_json
from emulators.functions.worker.wire import Json, json_text

PATH = "/runtime/webhooks/eventgrid"


class EventGridWebhook:
    """Serves every function with an Event Grid trigger; without keys it checks no request."""

    def __init__(
        self, functions: Iterable[Function], invocations: Invocations, keys: Keys | None
    ) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._invocations = invocations
        self._keys = keys

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a validation, a batch of events, or the end of a subscription."""
        if self._keys is not None and not self._keys.allows_system(
            EVENT_GRID_KEY, given_key(request)
        ):
            raise web.HTTPUnauthorized
        name = request.query.get("functionName", "")
        function = self._functions.get(name.lower())
        if function is None:
            raise web.HTTPNotFound(text=f"cannot find function: '{name}'")
        if request.method == "OPTIONS" and "WebHook-Request-Origin" in request.headers:
            return _allow(request)
        match request.headers.get("aeg-event-type", "").lower():
            case "subscriptionvalidation":
                return web.json_response(
                    {"validationResponse": validation_code(await read_json(request))}
                )
            case "notification":
                return await self._notify(function, await read_json(request))
            case "unsubscribe":
                return web.Response(status=202)
            case _:
                return web.Response(status=400)

    async def _notify(self, function: Function, body: Json) -> web.Response:
        events = body if isinstance(body, list) else [body]
        if not all(isinstance(event, dict) for event in events):
            raise web.HTTPBadRequest(text="An event must be a JSON object.")
        results = await asyncio.gather(*(self._run(function, event) for event in events))
        failure = next((message for message in results if message is not None), None)
        return (
            web.Response(status=202) if failure is None else web.Response(status=500, text=failure)
        )

    async def _run(self, function: Function, event: Json) -> str | None:
        try:
            await self._invocations.run(function, event_call(event))
        except HostError as error:
            return str(error)
        return None


def event_call(event: Json) -> Call:
    """Return what an event passes to its function, with the trace context of a CloudEvent."""
    trace_parent = event.get("traceparent") if isinstance(event, dict) else None
    return Call("EventGrid trigger fired.", json_text(event), trace_parent=str(trace_parent or ""))


def validation_code(body: Json) -> str:
    """Find the code to echo in the data of the first event, which may itself be JSON text."""
    event = body[0] if isinstance(body, list) and body else body
    data = event.get("data") if isinstance(event, dict) else None
    try:
        parsed = json.loads(data) if isinstance(data, str) else data
    except ValueError:
        parsed = None
    code = parsed.get("validationCode") if isinstance(parsed, dict) else None
    if not isinstance(code, str):
        raise web.HTTPBadRequest(text="The validation event carries no validationCode.")
    return code


def _allow(request: web.Request) -> web.Response:
    headers = {
        "WebHook-Allowed-Origin": request.headers["WebHook-Request-Origin"],
        "WebHook-Allowed-Rate": request.headers.get("WebHook-Request-Rate", "*"),
    }
    return web.Response(status=200, headers=headers)
