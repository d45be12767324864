"""The way of every request: route, version, signature, faults, body, handler, answer."""

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Mapping

from aiohttp import web

from emulators._porter import BodyRefused
from emulators.batch.auth import Gate
from emulators.batch.document import Doc, stamp
from emulators.batch.errors import BatchError
from emulators.batch.faults import Rule
from emulators.batch.model.states import IllegalMove
from emulators.batch.service.emulator import Emulator
from emulators.batch.shared_key import Request
from emulators.batch.store import NotSaved
from emulators.batch.validation import validate
from emulators.batch.wire import versions
from emulators.batch.wire.body import read_body
from emulators.batch.wire.call import Call, Reply, Route, described, http_date
from emulators.batch.wire.conditions import counting
from emulators.batch.wire.contract import contract_of
from emulators.batch.wire.query_string import read_query, split_query
from emulators.batch.wire.ranges import send_file
from emulators.batch.wire.routes import RouteTable

log = logging.getLogger("emulators.batch")
_WITHOUT_ID = frozenset({"create_task_collection", "upload_node_logs", "reactivate_task"})
_JSON = "application/json; odata=minimalmetadata"


class Shell:
    """Turns HTTP requests into calls and replies into HTTP answers."""

    def __init__(self, emulator: Emulator, gate: Gate) -> None:
        options = emulator.ctx.options
        self._emulator = emulator
        self._table = RouteTable()
        self._gate = gate
        self._prefix = f"/{options.account}/"
        self._in_review = options.versions_in_review

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of the service."""
        request_id = str(uuid.uuid4())
        headers = {
            "request-id": request_id,
            "DataServiceVersion": "3.0",
            "Server": "Microsoft-HTTPAPI/2.0",
            "X-Content-Type-Options": "nosniff",
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        }
        if request.headers.get("return-client-request-id", "").lower() == "true":
            headers["client-request-id"] = request.headers.get("client-request-id", "")
        try:
            return await self._answer(request, headers)
        except BatchError as error:
            return self._refusal(request, error, headers)
        except NotSaved as error:
            return self._refusal(request, BatchError("ServerBusy", str(error)), headers)
        except IllegalMove as error:
            return self._refusal(
                request, BatchError("OperationInvalidForCurrentState", str(error)), headers
            )
        except BodyRefused:
            raise  # the porter answers
        except Exception:
            # The boundary of a request: our own defect becomes the service's kind of failure.
            log.exception("A request failed", extra={"action": request.method})
            return self._refusal(request, BatchError("InternalError"), headers)

    async def _answer(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        raw_path, _, raw_query = request.raw_path.partition("?")
        lower = {name.lower(): value for name, value in request.headers.items()}
        await self._gate.verify(Request(request.method, raw_path, raw_query, lower))
        base = f"{request.scheme}://{request.headers.get('Host', '')}"
        path = raw_path
        if raw_path.startswith(self._prefix):
            base, path = base + self._prefix[:-1], raw_path[len(self._prefix) - 1 :]
        route, params = self._table.find(request.method, path)
        contract = contract_of(route.operation)
        given = split_query(raw_query)
        query = read_query(given, contract, in_review=self._in_review)
        version = query["api-version"]
        versions.check_operation(version, route.operation)
        heeded = counting(lower, contract.conditions)
        await self._disturb(route, path, "before", headers)
        body = await read_body(request)
        if contract.takes:
            versions.check_body(version, body)
            body = validate(contract.takes, body)
        call = Call(
            request.method, base, path, params, query, heeded, body, given, self._mark(headers)
        )
        reply = versions.shown(version, contract.shows, route.handler(self._emulator, call))
        self._emulator.ctx.save()
        await self._disturb(route, path, "after", headers)
        if _shows_id(route):
            headers["DataServiceId"] = base + path
        return await _respond(request, route, reply, headers)

    async def _disturb(self, route: Route, path: str, when: str, headers: dict[str, str]) -> None:
        rule: Rule | None = self._emulator.ctx.faults.strike(route.operation, path, when)
        if rule is None:
            return
        if rule.delay_s:
            await asyncio.sleep(rule.delay_s)
        if rule.status:
            if rule.retry_after_s is not None:
                headers["Retry-After"] = f"{rule.retry_after_s:g}"
            raise BatchError(rule.code or "ServerBusy", "(a planned fault)", status=rule.status)

    def _mark(self, headers: Mapping[str, str]) -> str:
        now = stamp(self._emulator.ctx.clock.now())
        return f"\nRequestId:{headers['request-id']}\nTime:{now}"

    def _refusal(
        self, request: web.Request, error: BatchError, headers: dict[str, str]
    ) -> web.Response:
        ctx = self._emulator.ctx
        with contextlib.suppress(NotSaved):
            # A refusal promises nothing, so what changed before it may be saved later.
            ctx.save()
        ctx.refused.append(
            {
                "at": stamp(ctx.clock.now()),
                "method": request.method,
                "path": request.path[:200],
                "status": error.status,
                "code": error.code,
                "reason": str(error)[:500],
                "values": error.values,
            }
        )
        headers |= error.headers
        if request.method == "HEAD" or error.status == 304:  # noqa: PLR2004 - HTTP's own number
            return web.Response(status=error.status, headers=headers)
        base = f"{request.scheme}://{request.headers.get('Host', '')}"
        metadata = described(base, "Container.errors/@Element")
        document: Doc = {"odata.metadata": metadata, **error.summary()}
        document["message"]["value"] += self._mark(headers)
        return _json(error.status, document, headers)


def _shows_id(route: Route) -> bool:
    """Tell whether an answer carries the address of the resource; a few do not."""
    return route.method in ("POST", "PUT", "PATCH") and route.operation not in _WITHOUT_ID


async def _respond(
    request: web.Request, route: Route, reply: Reply, headers: dict[str, str]
) -> web.StreamResponse:
    headers |= reply.headers
    if reply.thing is not None:
        headers["ETag"] = reply.thing.etag
        headers["Last-Modified"] = http_date(reply.thing.changed)
    if reply.location:
        headers["Location"] = headers["DataServiceId"] = reply.location
    if reply.file is not None:
        return await send_file(request, reply.file, headers)
    if reply.body is None:
        return web.Response(status=route.status, headers=headers)
    return _json(route.status, reply.body, headers)


def _json(status: int, document: Doc, headers: Mapping[str, str]) -> web.Response:
    payload = json.dumps(document, separators=(",", ":")).encode()
    return web.Response(status=status, body=payload, headers={**headers, "Content-Type": _JSON})
