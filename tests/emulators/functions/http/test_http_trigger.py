import json

import pytest

from tests.patience import until


def host_key(host):
    return host.keys["host"]["default"]


def test_a_request_reaches_its_function_with_route_query_body_and_trace(steady_host):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"x-functions-key": host_key(steady_host), "traceparent": parent}
    status, sent, body = steady_host.call("/api/items/7/x?a=1&a=2&empty=", "POST", b"hi", **headers)
    answer = json.loads(body)
    assert (status, sent["Set-Cookie"]) == (201, "a=b; Path=/")
    assert answer["url"].endswith("/api/items/7/x?a=1&a=2&empty=")
    del answer["url"]
    assert answer == {"id": "7", "query": {"a": "1,2"}, "body": "hi", "trace": parent}


def test_no_key_and_a_wrong_key_are_turned_away(steady_host):
    assert steady_host.call("/api/items/7")[::2] == (401, "")
    assert steady_host.call("/api/items/7?code=guess")[::2] == (401, "")
    right = {"x-functions-key": "guess"}
    assert steady_host.call(f"/api/items/7?code={host_key(steady_host)}", **right)[0] == 401


@pytest.mark.parametrize("kind", ["host", "function", "master"])
def test_function_host_and_master_keys_open_a_function(steady_host, kind):
    keys = steady_host.keys
    key = {
        "host": keys["host"]["default"],
        "function": keys["functions"]["item"]["default"],
        "master": keys["master"],
    }[kind]
    assert steady_host.call(f"/api/items/7?code={key}")[0] == 201


def test_only_the_master_key_opens_an_admin_function(steady_host):
    assert steady_host.call(f"/api/locked?code={host_key(steady_host)}")[0] == 401
    assert steady_host.call(f"/api/locked?code={steady_host.keys['master']}")[::2] == (200, "in")


def test_an_anonymous_function_needs_no_key(steady_host):
    assert steady_host.call("/api/open?name=%C3%BC")[::2] == (200, "hello ü")


@pytest.mark.parametrize("path", ["/api/nothing", "/api/items/seven", "/api/items/7/x/y"])
def test_what_fits_no_route_is_not_found(steady_host, path):
    assert steady_host.call(path)[::2] == (404, "")


def test_a_function_that_raises_answers_500_without_its_secrets(steady_host):
    assert steady_host.call("/api/broken")[::2] == (500, "")


def test_keys_are_readable_by_their_owner_alone_and_never_logged(steady_host):
    path = steady_host.folder / "data" / "keys.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert steady_host.keys["master"] not in steady_host.log.read_text()


def test_the_admin_endpoints_need_the_master_key(steady_host):
    master = {"x-functions-key": steady_host.keys["master"]}
    assert steady_host.call("/admin/host/status")[::2] == (401, "")
    assert json.loads(steady_host.call("/admin/host/status", **master)[2])["state"] == "Running"
    listed = json.loads(steady_host.call("/admin/functions", **master)[2])
    assert {"work", "tick", "told"} <= {function["name"] for function in listed}
    assert steady_host.call("/admin/host/keys", **master)[0] == 501


def test_admin_starts_a_queue_function_by_hand(steady_host):
    master = {"x-functions-key": steady_host.keys["master"]}
    body = json.dumps({"input": json.dumps({"by": "hand"})}).encode()
    own = {**master, "Content-Type": "application/json"}
    assert steady_host.call("/admin/functions/work", "POST", body, **own)[0] == 202
    until(lambda: [n for n in steady_host.notes("work") if n["body"] == {"by": "hand"}])
