"""A web page, or another user of this machine, starts and reads nothing of the Functions host."""

import pytest
import requests

from tests.emulators.attacks import FOREIGN, PREFLIGHT, ask
from tests.patience import LIMIT_S, stretched

JSON = {"Content-Type": "application/json"}
START = ("POST", "/admin/functions/tick", {"input": ""})
WISHES = {
    "a function": ("POST", "/api/items/7", b"x"),
    "start by hand": START,
    "list": ("GET", "/admin/functions", None),
    "web hook": ("POST", "/runtime/webhooks/eventgrid?functionName=on_event", b"[]"),
    "health": ("GET", "/health", None),
}


def endpoint(host):
    return host.ready["endpoint"]


@pytest.mark.parametrize("attack", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_a_request_for_another_site_is_refused_although_it_has_the_key(steady_host, wish, attack):
    headers, status, header = attack
    master = steady_host.keys["master"]
    found = ask(endpoint(steady_host), *wish, **JSON, x_functions_key=master, **headers)
    assert found.refuses(status, header), found
    assert steady_host.all_notes() == []


@pytest.mark.parametrize("key", ["", "wrong", "\u00fc".encode().decode("latin-1")])
@pytest.mark.parametrize("wish", ["start by hand", "list", "web hook"])
def test_what_needs_a_key_starts_nothing_without_it(steady_host, wish, key):
    shown = {"x-functions-key": key} if key else {}
    assert ask(endpoint(steady_host), *WISHES[wish], **JSON, **shown).status == 401
    assert steady_host.all_notes() == []


@pytest.mark.parametrize("kind", ["text/plain", ""])
def test_a_start_by_hand_is_declared_as_json(steady_host, kind):
    own = {"Content-Type": kind} if kind else {}
    found = ask(endpoint(steady_host), *START, x_functions_key=steady_host.keys["master"], **own)
    assert found.refuses(415, "Content-Type")
    assert steady_host.all_notes() == []


@pytest.mark.parametrize("path", [wish[1] for wish in WISHES.values()])
def test_a_preflight_is_granted_nothing(steady_host, path):
    assert ask(endpoint(steady_host), "OPTIONS", path, **PREFLIGHT).refuses(403, "Origin")


def test_a_function_takes_a_body_of_any_kind_as_it_came(steady_host):
    own = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    keys = {"x-functions-key": steady_host.keys["host"]["default"]}
    url, limit = f"{endpoint(steady_host)}/api/items/7", stretched(LIMIT_S)
    found = requests.post(url, data=b"not packed", headers={**own, **keys}, timeout=limit)
    assert (found.status_code, found.json()["body"]) == (201, "not packed")
