"""Requests to the host that are wrong on purpose: none is a failure of the server."""

import json

import pytest

from tests.emulators.attacks import ask

JSON = {"Content-Type": "application/json"}
LIMIT = 100 * 1024 * 1024


def opened(host, method, path, body=None, **headers):
    own = {"x-functions-key": host.keys["master"], **headers}
    return ask(host.ready["endpoint"], method, path, body, **own)


@pytest.mark.parametrize("value", ["\xff", "a\xe4", "\xed\xa0\x80", "\xc3"])
@pytest.mark.parametrize(
    "name", ["Idempotency-Key", "x-functions-key", "traceparent", "Content-Encoding", "Accept"]
)
@pytest.mark.parametrize("path", ["/api/open", "/admin/functions", "/health", "/nowhere"])
def test_a_header_that_is_not_utf8_is_400_without_a_body(steady_host, path, name, value):
    found = opened(steady_host, "GET", path, **{name: value})
    assert (found.status, found.text) == (400, "")


def test_a_header_in_utf8_passes(steady_host):
    word = "ü 名".encode().decode("latin-1")
    assert opened(steady_host, "GET", "/api/open", **{"Idempotency-Key": word}).status == 200


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 5_000, str(2**31), "%D9%A3", "1e3"])
def test_a_number_that_is_too_large_for_a_route_is_404(steady_host, number):
    assert opened(steady_host, "POST", f"/api/items/{number}", b"x").status == 404


def test_zeros_before_a_number_do_not_count(steady_host):
    found = opened(steady_host, "POST", f"/api/items/{'0' * 5_000}7", b"x")
    assert (found.status, len(json.loads(found.text)["id"])) == (201, 5_001)


@pytest.mark.parametrize("path", ["/api/items/7", "/admin/functions/tick"])
def test_a_body_above_the_limit_of_the_host_is_413_before_it_comes(steady_host, path):
    found = opened(steady_host, "POST", path, **JSON, **{"Content-Length": str(LIMIT + 1)})
    assert found.status == 413, found
    assert f"{LIMIT:,}" in json.loads(found.text)["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b"\xff",
        b'{"input": "\\ud800"}',
        b'{"input": {"a": "\\udcff"}}',
        b'{"input": ' + b"9" * 5_000 + b"}",
        b'{"input": 1e999}',
        b'{"input": NaN}',
    ],
)
@pytest.mark.parametrize("function", ["work", "told", "tick"])
def test_a_start_by_hand_with_bad_json_is_400(steady_host, function, body):
    found = opened(steady_host, "POST", f"/admin/functions/{function}", body, **JSON)
    assert found.status == 400, found
    assert "not JSON" in found.text
    assert steady_host.all_notes() == []


@pytest.mark.parametrize("event", ["[" * 100_000, "soon", '{"id": NaN}'])
def test_an_event_by_hand_that_is_no_event_is_400(steady_host, event):
    found = opened(steady_host, "POST", "/admin/functions/told", {"input": event}, **JSON)
    assert (found.status, found.text) == (400, "input must be one event as JSON.")


CODES = ["9999-99-99T99:99:99", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon"]


@pytest.mark.parametrize("code", CODES)
def test_a_code_that_looks_like_a_time_and_is_none_is_echoed_as_it_is(steady_host, code):
    path = "/runtime/webhooks/eventgrid?functionName=told"
    kind = {"aeg-event-type": "SubscriptionValidation", **JSON}
    found = opened(steady_host, "POST", path, [{"data": {"validationCode": code}}], **kind)
    assert found.status == 200, found
    assert json.loads(found.text)["validationResponse"][:10].replace("/", "-").isascii()


@pytest.mark.parametrize("body", [b"[" * 200_000, json.dumps({"data": "[" * 100_000}).encode()])
def test_a_web_hook_that_microsofts_library_could_not_read_is_500_without_a_body(steady_host, body):
    path = "/runtime/webhooks/eventgrid?functionName=told"
    kind = {"aeg-event-type": "SubscriptionValidation", **JSON}
    found = opened(steady_host, "POST", path, body, **kind)
    assert (found.status, found.text) == (500, "")


@pytest.mark.parametrize("end", ["%0A", "a%0Ab", "%0D%0A", "%C2%85"])
def test_a_line_end_in_a_path_is_a_character_as_any_other(steady_host, end):
    found = opened(steady_host, "POST", f"/api/items/7/{end}", b"x")
    assert (found.status, json.loads(found.text)["id"]) == (201, "7")
    assert opened(steady_host, "GET", f"/admin/{end}").status == 501
