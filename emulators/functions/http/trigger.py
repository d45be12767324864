"""The HTTP trigger: finds a request's function, checks its key, translates both ways."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http.cookies import SimpleCookie
from typing import cast

from aiohttp import web
from multidict import CIMultiDict

from emulators.functions.app.definitions import Function
from emulators.functions.app.invocations import Call, Invocations
from emulators.functions.errors import HostError, StartError
from emulators.functions.http.routes import RouteTemplate, path_of
from emulators.functions.keys import Keys
from emulators.functions.requests import given_key, read_body
from emulators.functions.worker.wire import Datum, Json, as_bytes, binary

_LOG = logging.getLogger("host.http")
_RESERVED = frozenset({"admin", "runtime", "health"})
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True)
class Route:
    """An HTTP function with what a request must match; without methods it takes any."""

    template: RouteTemplate
    methods: frozenset[str] | None
    function: Function

    def takes(self, method: str) -> bool:
        """Tell whether a request with this method is for the function."""
        return self.methods is None or method.upper() in self.methods


class HttpTrigger:
    """Serves every HTTP function of the app; without keys it checks no request."""

    def __init__(
        self,
        functions: Iterable[Function],
        prefix: str,
        invocations: Invocations,
        keys: Keys | None,
    ) -> None:
        self._invocations = invocations
        self._keys = keys
        self._routes = [_route(function, prefix) for function in functions]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request: the first route of the app that matches has it."""
        path = path_of(request.raw_path)
        if path is None:
            raise web.HTTPBadRequest(text="")
        for route in self._routes:
            values = route.template.match(path)
            if values is not None and route.takes(request.method):
                return await self._invoke(request, route.function, values)
        raise web.HTTPNotFound(text="")

    async def _invoke(
        self, request: web.Request, function: Function, values: dict[str, str]
    ) -> web.StreamResponse:
        level = function.trigger.text("authLevel", "function").lower()
        if (
            self._keys is not None
            and level != "anonymous"
            and not self._keys.allows(level, function.name, given_key(request))
        ):
            raise web.HTTPUnauthorized(text="")
        call = Call(
            "This function was called over HTTP.",
            await request_datum(request, values),
            trace_parent=request.headers.get("traceparent", ""),
            trace_state=request.headers.get("tracestate", ""),
        )
        try:
            outputs = await self._invocations.run(function, call)
        except HostError:
            return web.Response(status=500)
        return response_of(outputs.get(_http_output(function)))


def _http_output(function: Function) -> str:
    return next((binding.name for binding in function.outputs if binding.type == "http"), "$return")


def _route(function: Function, prefix: str) -> Route:
    route = function.trigger.text("route", function.name)
    path = f"{prefix}/{route}" if prefix else route
    if path.split("/")[0].lower() in _RESERVED:
        raise StartError(f"function {function.name}: route {path!r} begins with a name of the host")
    methods = function.trigger.properties.get("methods")
    try:
        template = RouteTemplate(path)
    except ValueError as error:
        raise StartError(f"function {function.name}: {error}") from error
    taken = [str(method).upper() for method in methods] if isinstance(methods, list) else None
    return Route(template, None if taken is None else frozenset(taken), function)


async def request_datum(request: web.Request, values: Mapping[str, str]) -> Datum:
    """Convert a request: header names in lower case, no empty query values, repeated values
    joined."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        folded = name.lower()
        headers[folded] = f"{headers[folded]},{value}" if folded in headers else value
    query: dict[str, str] = {}
    for name, value in request.query.items():
        if value:
            query[name] = f"{query[name]},{value}" if name in query else value
    body = await read_body(request)
    fields: dict[str, Json] = {
        "method": request.method,
        "url": str(request.url),
        "headers": cast("Json", headers),
        "params": cast("Json", dict(values)),
        "query": cast("Json", query),
        "body": cast("Json", binary(body)) if body else None,
    }
    return {"kind": "http", "value": fields}


def response_of(datum: Datum | None) -> web.Response:
    """Convert what a function returned; a plain value is a 200 with that text."""
    if datum is None:
        return web.Response(status=204)
    if datum["kind"] != "http":
        return web.Response(body=as_bytes(datum), content_type="text/plain", charset="utf-8")
    fields = cast("dict[str, Json]", datum["value"])
    headers = CIMultiDict(
        (name, str(value))
        for name, value in cast("dict[str, Json]", fields["headers"]).items()
        if name.lower() not in _OWN_HEADERS
    )
    for cookie in cast("list[dict[str, Json]]", fields["cookies"]):
        headers.add("Set-Cookie", _set_cookie(cookie))
    body = cast("Datum | None", fields["body"])
    return web.Response(
        status=int(str(fields["status_code"])),
        headers=headers,
        body=as_bytes(body) if body else None,
    )


def _set_cookie(cookie: dict[str, Json]) -> str:
    jar: SimpleCookie = SimpleCookie({str(cookie["name"]): str(cookie["value"])})
    morsel = jar[str(cookie["name"])]
    for field, attribute in (
        ("domain", "domain"),
        ("path", "path"),
        ("max_age", "max-age"),
        ("same_site", "samesite"),
    ):
        value = cookie.get(field)
        if value not in (None, ""):
            morsel[attribute] = str(int(value)) if isinstance(value, float) else str(value)
    morsel["secure"] = bool(cookie.get("secure"))
    morsel["httponly"] = bool(cookie.get("http_only"))
    expires = cookie.get("expires")
    if isinstance(expires, int):
        morsel["expires"] = formatdate(expires, usegmt=True)
    return morsel.OutputString()
