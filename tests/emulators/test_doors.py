"""No route of an emulator is open by accident: each has an entry of the gate, or is named here."""

import pytest
from aiohttp import web

from emulators._gate import OPEN, entry_of
from emulators.batch import entries
from emulators.batch.page.routes import Page
from emulators.batch.wire.admin import Admin
from emulators.eventgrid import auth
from emulators.eventgrid.routes import Service, application
from emulators.functions.host.admin import Admin as HostAdmin
from emulators.functions.http import entries as host_entries

# What needs no key: health, the page without its data, and what is not there. `/validate` takes a
# code that only the endpoint of the subscription was told.
FREE = {"/", "/health", "/validate", "/{rest}"}


def of_batch() -> list[web.RouteDef]:
    return [*Admin(None).routes(), *Page(None, None).routes()]


def resources(routes) -> set[str]:
    app = web.Application()
    app.add_routes(routes)
    return {resource.canonical for resource in app.router.resources()}


def of_eventgrid() -> set[str]:
    service = Service(None, None, None, None, auth.Gate("a2V5"))
    return {resource.canonical for resource in application(service).router.resources()}


@pytest.mark.parametrize(
    ("found", "known"),
    [(resources(of_batch()), entries.ENTRIES), (of_eventgrid(), auth.ENTRIES)],
    ids=["batch", "eventgrid"],
)
def test_every_route_is_named_at_the_gate_or_free_for_everybody(found, known):
    assert {route for route in found if entry_of(known, route) is OPEN} <= FREE


def test_control_routes_need_the_key_and_declared_json():
    for route in resources(of_batch()) - FREE:
        entry = entry_of(entries.ENTRIES, route)
        assert entry.key is not (route == "/_admin/page/{file}"), route
    for route in of_eventgrid() - FREE:
        entry = entry_of(auth.ENTRIES, route)
        assert entry.key is not route.endswith("/api/events"), route
        assert entry.kinds or route == "/subscriptions", route


def test_the_host_takes_a_start_by_hand_as_json_alone():
    app = web.Application()
    HostAdmin({}, None, None).add_routes(app.router)
    found = {resource.canonical for resource in app.router.resources()}
    assert "/admin/functions/{name}" in found
    assert entry_of(host_entries.ENTRIES, "/admin/functions/{name}").kinds
