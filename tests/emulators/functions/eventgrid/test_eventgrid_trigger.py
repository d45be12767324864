import json


def post(host, events, kind="Notification", function="told", key=None):
    code = key or host.keys["system"]["eventgrid_extension"]
    path = f"/runtime/webhooks/eventgrid?functionName={function}&code={code}"
    return host.call(path, "POST", json.dumps(events).encode(), **{"aeg-event-type": kind})


def event(number, subject="good"):
    return {
        "id": f"e{number}", "topic": "t", "subject": subject, "eventType": "x",
        "eventTime": "2026-01-01T00:00:00Z", "data": {}, "dataVersion": "1",
    }  # fmt: skip


def test_each_event_of_a_batch_is_one_invocation(steady_host):
    assert post(steady_host, [event(1), event(2)])[0] == 202
    assert {"e1", "e2"} <= {note["id"] for note in steady_host.notes("told")}


def test_one_bad_event_refuses_the_batch(steady_host):
    status, _, body = post(steady_host, [event(3), event(4, "bad")])
    assert (status, body) == (500, "Exception while executing function: told")
    assert "e3" in {note["id"] for note in steady_host.notes("told")}


def test_a_cloud_event_arrives_as_one(steady_host):
    cloud = {"specversion": "1.0", "id": "c1", "source": "/here", "type": "x", "data": {}}
    assert post(steady_host, cloud, function="told_cloud")[0] == 202
    assert steady_host.notes("told_cloud")[0]["source"] == "/here"


def test_the_handshake_echoes_the_code(steady_host):
    events = [{**event(5), "data": {"validationCode": "abc"}}]
    status, _, body = post(steady_host, events, "subscriptionvalidation")
    assert (status, json.loads(body)) == (200, {"validationResponse": "abc"})


def test_the_cloud_events_handshake_allows_event_grid_alone(steady_host):
    code = steady_host.keys["system"]["eventgrid_extension"]
    path = f"/runtime/webhooks/eventgrid?functionName=told_cloud&code={code}"
    status, headers, _ = steady_host.call(
        path, "OPTIONS", **{"WebHook-Request-Origin": "grid.example"}
    )
    assert (status, headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")


def test_wrong_keys_kinds_and_functions_are_refused(steady_host):
    assert post(steady_host, [], key="guess")[::2] == (401, "")
    assert post(steady_host, [], kind="Surprise")[0] == 400
    assert post(steady_host, [], function="nobody")[::2] == (404, "cannot find function: 'nobody'")
    assert post(steady_host, [], kind="Unsubscribe")[0] == 202
