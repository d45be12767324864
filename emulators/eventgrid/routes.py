"""The HTTP shell: publishing, subscriptions at run time, and controls for tests."""

import asyncio
import math
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from emulators._json import parse_json
from emulators._porter import BodyRefused, read_body
from emulators.eventgrid import auth
from emulators.eventgrid.auth import error_answer
from emulators.eventgrid.broker import Broker, arm_answer
from emulators.eventgrid.destinations import NOT_ECHOED, Challenge, Destinations
from emulators.eventgrid.dispatcher import Dispatcher
from emulators.eventgrid.events import MAX_BYTES, Event, Rejected, parse_publish
from emulators.eventgrid.outbox import Outbox
from emulators.eventgrid.subscriptions import BadSubscription, Subscription, Topic

VALIDATION_S = 600.0
SYNC_S, _MOST_SYNC_S = 30.0, 3600

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Service:
    """The objects that the routes work on."""

    broker: Broker
    dispatcher: Dispatcher
    destinations: Destinations
    outbox: Outbox | None
    gate: auth.Gate
    allowed_hosts: frozenset[str] = frozenset()
    # Subscriptions whose endpoint must open the validation URL: by code, with the end of that time.
    awaiting: dict[str, tuple[Subscription, float]] = field(default_factory=dict)


SERVICE = web.AppKey("service", Service)


def application(service: Service) -> web.Application:
    """Return the application with all routes."""
    guard = auth.porter(service.gate.key, service.allowed_hosts).middleware()
    app = web.Application(middlewares=[guard, _errors])
    app[SERVICE] = service
    app.add_routes(
        [
            web.get("/health", _health),
            web.post("/api/events", _publish),
            web.post("/topics/{topic}/api/events", _publish),
            web.get("/subscriptions", _list),
            web.put("/subscriptions/{topic}/{name}", _subscribe),
            web.get("/subscriptions/{topic}/{name}", _show),
            web.delete("/subscriptions/{topic}/{name}", _unsubscribe),
            web.get("/validate", _validate),
            web.get("/_admin/state", _state),
            web.get("/_admin/metrics", _metrics),
            web.post("/_admin/sync", _sync),
            web.post("/_admin/faults", _faults),
            web.route("*", "/{rest:.*}", _unimplemented),
        ]
    )
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Rejected as error:
        return error_answer(error.status, str(error))
    except BadSubscription as error:
        return error_answer(400, str(error))


async def _publish(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    topic = service.broker.custom_topic(request.match_info.get("topic"))
    if topic is None:
        raise Rejected(404, "There is no such custom topic.")
    try:
        events = await _published(request, topic)
    except (Rejected, BodyRefused):
        service.broker.refuse(topic)
        raise
    service.broker.publish(topic, events)
    return web.Response(status=200)


async def _published(request: web.Request, topic: Topic) -> list[Event]:
    refusal = await request.app[SERVICE].gate.refusal(request.headers, datetime.now(UTC))
    if refusal is not None:
        raise Rejected(401, refusal)
    raw = await read_body(request, MAX_BYTES)
    return parse_publish(raw, request.content_type, topic.schema, topic.id)


async def _subscribe(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    subscription = await _requested(request)
    if not subscription.destination.needs_handshake:
        service.broker.subscribe(subscription)
        return web.json_response(arm_answer(subscription, "Succeeded"), status=201)
    code = uuid.uuid4().hex
    url = str(request.url.origin() / "validate" % {"code": code})
    service.awaiting[code] = (subscription, time.monotonic() + VALIDATION_S)
    challenge = Challenge(service.broker.topics[subscription.topic].id, code, url)
    refusal = await service.destinations.handshake(subscription, challenge)
    if refusal is None:
        service.awaiting.pop(code, None)
        service.broker.subscribe(subscription)
        return web.json_response(arm_answer(subscription, "Succeeded"), status=201)
    if refusal == NOT_ECHOED:
        return web.json_response(arm_answer(subscription, "AwaitingManualAction"), status=201)
    service.awaiting.pop(code, None)
    raise BadSubscription(f"{subscription.name}: the handshake failed: {refusal}.")


async def _requested(request: web.Request) -> Subscription:
    body, where = await _object(request), request.match_info
    return request.app[SERVICE].broker.parse(where["topic"], where["name"], body)


async def _object(request: web.Request) -> dict[str, object]:
    raw = await read_body(request, MAX_BYTES)
    try:
        body = parse_json(raw)
    except ValueError as error:
        raise Rejected(400, f"The body is not JSON: {str(error)[:200]}") from error
    if not isinstance(body, dict):
        raise Rejected(400, "The body has to be an object.")
    return body


async def _validate(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    subscription, until = service.awaiting.pop(request.query.get("code", ""), (None, 0.0))
    if subscription is None or time.monotonic() > until:
        raise Rejected(404, "This validation URL is unknown or has expired.")
    service.destinations.confirm(subscription)
    service.broker.subscribe(subscription)
    return web.json_response({"status": "validated"})


async def _show(request: web.Request) -> web.Response:
    subscription = request.app[SERVICE].broker.subscriptions.get(_key(request))
    if subscription is None:
        raise Rejected(404, "There is no such subscription.")
    return web.json_response(arm_answer(subscription, "Succeeded"))


async def _list(request: web.Request) -> web.Response:
    subscriptions = request.app[SERVICE].broker.subscriptions.values()
    return web.json_response({"value": [arm_answer(item, "Succeeded") for item in subscriptions]})


async def _unsubscribe(request: web.Request) -> web.Response:
    found = request.app[SERVICE].broker.unsubscribe(_key(request))
    return web.Response(status=200 if found else 204)


async def _health(request: web.Request) -> web.Response:
    broker = request.app[SERVICE].broker
    return web.json_response({"status": "healthy", "topics": list(broker.topics)})


async def _state(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    drained = service.outbox is None or service.outbox.drained()
    state = {"faults": asdict(service.broker.dice.faults), "outbox_drained": drained}
    return web.json_response({**service.broker.store.counts(), **state})


async def _metrics(request: web.Request) -> web.Response:
    return web.json_response({"value": request.app[SERVICE].broker.metrics()})


async def _sync(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    outbox = service.outbox
    drained = outbox.drained if outbox is not None else lambda: True
    service.broker.arrived()
    try:
        async with asyncio.timeout(_timeout_s(request)):
            await service.dispatcher.settled(drained)
    except TimeoutError:
        return web.json_response({"settled": False, **service.broker.store.counts()}, status=504)
    return web.json_response({"settled": True})


def _timeout_s(request: web.Request) -> float:
    try:
        seconds = float(request.query.get("timeout", SYNC_S))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _MOST_SYNC_S:
        raise Rejected(400, f"timeout has to be a number of seconds, from 0 to {_MOST_SYNC_S}.")
    return seconds


async def _faults(request: web.Request) -> web.Response:
    dice, wanted = request.app[SERVICE].broker.dice, await _object(request)
    try:
        dice.faults = dice.faults.changed(wanted)
    except ValueError as error:
        raise Rejected(400, str(error)) from error
    return web.json_response(asdict(dice.faults))


async def _unimplemented(request: web.Request) -> web.Response:
    return error_answer(501, f"{request.method} {request.path} is not emulated.")


def _key(request: web.Request) -> str:
    return f"{request.match_info['topic']}/{request.match_info['name']}"
