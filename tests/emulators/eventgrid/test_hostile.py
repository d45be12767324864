"""Requests with the key that are wrong on purpose: none is a failure of the server."""

import base64
import hashlib
import hmac
import json
import math
from urllib.parse import quote

import pytest

from tests.emulators.attacks import ask
from tests.emulators.eventgrid.conftest import call, to_queue
from tests.emulators.storage.processes import KEY

OWN = {"aeg-sas-key": KEY, "Content-Type": "application/json"}
CLOUD = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0"}
EVENT = {"id": "1", "subject": "s", "eventType": "T", "eventTime": "2026-01-01T00:00:00Z"}
DEEP = b"[" * 200_000
BODIES = {
    "deep": DEEP,
    "deep but whole": b"[" * 3_000 + b"]" * 3_000,
    "no UTF-8": b"\xff",
    "half a character": b'{"properties": {"a": "\\ud800"}}',
    "no number": b'{"lose": NaN}',
    "a number without end": b'{"lose": 1e999}',
    "a huge number": b'{"lose": ' + b"9" * 5_000 + b"}",
    "null": b"null",
    "text": b'"x"',
}
WISHES = {
    "publish": ("POST", "/topics/runs/api/events"),
    "subscribe": ("PUT", "/subscriptions/runs/hostile"),
    "faults": ("POST", "/_admin/faults"),
}


def asked(emulator, method, path, body=None, **headers):
    return ask(emulator.ready["endpoint"], method, path, body, **{**OWN, **headers})


def says(found, status):
    return found.status == status and len(json.loads(found.text)["error"]["message"]) < 400


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_a_body_that_is_no_use_is_400_and_says_why(quiet, wish, body):
    found = asked(quiet, *wish, body)
    assert says(found, 400), found
    assert call(quiet, "GET", "/_admin/state")[1]["faults"]["lose"] == 0


@pytest.mark.parametrize("kind", ["utf-99", "utf-16", '"', ""])
@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_an_odd_charset_is_no_failure(quiet, wish, kind):
    found = asked(quiet, *wish, b"[]x", **{"Content-Type": f"application/json; charset={kind}"})
    assert says(found, 400), found


@pytest.mark.parametrize(
    "time",
    ["", "soon", 5, [], "9999-99-99T00:00:00Z", "10000-01-01T00:00:00Z", "9" * 5_000, "\0"],
)
@pytest.mark.parametrize("topic", ["plain", "runs"])
def test_an_event_with_a_bad_time_is_400_and_names_it(quiet, topic, time):
    event = {**EVENT, "eventTime": time} if topic == "plain" else {**CLOUD, "time": time}
    found = asked(quiet, "POST", f"/topics/{topic}/api/events", [event])
    assert says(found, 400), found
    assert "ime" in found.text
    assert topic not in call(quiet, "GET", "/_admin/state")[1]["events"]


@pytest.mark.parametrize(
    "expiry",
    ["", "soon", "2000-01-01T00:00:00", "0001-01-01T00:00:00%2B14:00", "9" * 4_000, "%ff", "nan"],
)
def test_a_signed_token_with_a_bad_time_opens_nothing(quiet, expiry):
    signed = f"r=x&e={expiry}"
    code = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    token = f"{signed}&s={quote(base64.b64encode(code).decode(), safe='')}"
    kind = {"Content-Type": "application/json", "aeg-sas-token": token}
    path = WISHES["publish"][1]
    assert says(ask(quiet.ready["endpoint"], "POST", path, [CLOUD], **kind), 401)


@pytest.mark.parametrize("timeout", ["soon", "nan", "inf", "-1", "1e999", "1e9", ""])
def test_a_bad_time_to_wait_is_400(quiet, timeout):
    found = asked(quiet, "POST", f"/_admin/sync?timeout={timeout}")
    assert says(found, 400), found
    assert "from 0 to 3600" in found.text


@pytest.mark.parametrize(
    "faults",
    [{"lose": 1.5}, {"delay": -1}, {"max_delay_s": 1e9}, {"lose": "much"}, {"lose": [1]}, {"x": 1}],
)
def test_faults_out_of_range_are_refused_by_name(quiet, faults):
    found = asked(quiet, "POST", "/_admin/faults", faults)
    assert says(found, 400), found
    assert next(iter(faults)) in found.text
    now = call(quiet, "GET", "/_admin/state")[1]["faults"]
    assert all(math.isfinite(value) for value in now.values())


@pytest.mark.parametrize("name", ["%00", "%ff", "%ed%a0%80", "a%2f..%2fb", "x" * 4_000])
def test_an_odd_name_of_a_subscription_is_no_failure(quiet, name):
    path = f"/subscriptions/runs/{name}"
    made = asked(quiet, "PUT", path, {"properties": {"destination": to_queue("odd")}})
    assert made.status in (201, 400), made
    assert asked(quiet, "GET", path).status == (200 if made.status == 201 else 404)
    assert asked(quiet, "DELETE", path).status in (200, 204)
