"""Starting, following and steering runs, by both clients, against the engine's handlers."""

import httpx
import pytest
from fanfare import Conflict, FanfareError, NotFound, Refused, TimedOut, Unreachable, flows
from fanfare.retries import Retries

from tests.client.conftest import client_of


def lost(method, path, *, after=True, site):
    """Return a fault: the answer to a request is lost, after its work was done or before."""

    def fault(request):
        if request.method != method or not request.url.path.endswith(path):
            return None
        if after:
            site.served(request)
            raise httpx.ReadTimeout("no answer came")
        raise httpx.ConnectError("connection refused")

    return fault


def answers(status, body, **headers):
    return lambda _: httpx.Response(status, json=body, headers=headers)


def test_a_run_is_started_with_a_file_and_waited_for(client, site, tmp_path):
    (tmp_path / "poem ü.txt").write_bytes(b"one\ntwo\n")
    run = client.start("job", tmp_path / "poem ü.txt")
    assert (run.pipeline, run.state, run.over) == ("job", "claimed", False)
    assert run.raw["input"]["name"].endswith("/poem ü.txt")
    site.app.settle()
    done = client.wait(run, timeout_s=5)
    assert (done.state, done.ok, done.succeeded, done.id) == ("succeeded", True, 2, run.id)
    assert [each.id for each in client.runs("job")] == [run.id]
    assert client.run(run.id) == done


def test_the_same_start_with_a_key_finds_the_run_and_uploads_nothing_again(client, site):
    first = client.start("job", b"one\n", key="k")
    again = client.start("job", b"one\n", key="k")
    assert again.id == first.id
    assert len([r for r in site.asked if r.method == "PUT"]) == 1
    with pytest.raises(Conflict) as refused:
        client.start("job", b"another\n", key="k")
    assert (refused.value.retry, refused.value.status) == (False, 409)
    assert first.id in str(refused.value)


@pytest.mark.parametrize("path", ["/api/runs", "/api/uploads", "/input"])
@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer_starts_no_second_run(client, site, path, after):
    method = "PUT" if path == "/input" else "POST"
    site.once(lost(method, path, after=after, site=site))
    run = client.start("job", b"one\n")
    assert not site.faults
    assert [each.id for each in client.runs()] == [run.id]


def test_a_long_list_comes_in_parts(client, site, monkeypatch):
    monkeypatch.setattr(flows, "_MOST_LISTED", 3)
    everything = list[str]()
    for number in range(8):
        everything.insert(0, client.start("job", b"one\n", key=str(number)).id)
        site.app.world.clock.advance(seconds=1)
    assert [run.id for run in client.runs(limit=20)] == everything
    for limit in range(1, 9):
        site.asked.clear()
        assert [run.id for run in client.runs("job", limit=limit)] == everything[:limit]
        assert len(site.asked) == -(-limit // 3)


def test_a_list_of_an_older_app_is_one_answer(client, site):
    run = client.start("job", b"one\n").raw
    site.once(answers(200, {"runs": [run], "unreadable": []}))
    site.asked.clear()
    assert [each.id for each in client.runs(limit=1000)] == [run["id"]]
    assert len(site.asked) == 1


def test_a_lost_answer_to_a_redrive_is_no_second_redrive(client, site):
    run = client.start("job", b"one\n")
    client.cancel(run)
    site.app.settle()
    site.once(lost("POST", "/redrive", site=site))
    assert client.redrive(run).generation == 2
    assert len([r for r in site.asked if r.url.path.endswith("/redrive")]) == 1


def test_a_run_is_cancelled_as_often_as_one_likes(client, site):
    run = client.start("job", b"one\n")
    assert client.cancel(run).state == client.cancel(run.id).state == "cancelled"


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Refused), (401, Refused), (403, Refused), (404, NotFound), (409, Conflict),
     (413, Refused), (429, Refused), (500, Unreachable), (503, Unreachable), (301, Unreachable)],
)  # fmt: skip
def test_each_refusal_is_its_error_with_the_servers_text(kind, site, status, error):
    client = client_of(kind, site, Retries(most=0))
    site.once(answers(status, {"error": "Because.", "retry": status in (429, 503)}))
    with pytest.raises(error) as refused:
        client.runs()
    assert (refused.value.status, refused.value.retry) == (status, status in (429, 503))
    assert status == 301 or "Because." in str(refused.value)


def test_passing_failures_are_repeated_with_a_bound(client, site):
    for _ in range(3):
        site.once(answers(503, {"error": "busy", "retry": True}))
    assert client.runs() == []
    for _ in range(4):
        site.once(answers(503, {"error": "busy", "retry": True}))
    with pytest.raises(Unreachable, match="busy"):
        client.runs()


def test_what_does_not_pass_is_not_repeated(client, site):
    site.once(answers(500, {"error": "broken", "retry": False}))
    with pytest.raises(Unreachable) as refused:
        client.runs()
    assert (refused.value.retry, len(site.asked)) == (False, 1)


def test_a_server_that_asks_for_a_long_pause_is_left_alone(client, site):
    site.once(answers(429, {"error": "many wait", "retry": True}, **{"Retry-After": "60"}))
    with pytest.raises(Refused) as refused:
        client.runs()
    assert (refused.value.retry, len(site.asked)) == (True, 1)


def test_waiting_ends_in_time_and_says_what_the_run_waits_for(client):
    run = client.start("job", b"one\n")
    with pytest.raises(TimedOut, match="is claimed after 0 s") as error:
        client.wait(run, timeout_s=0)
    assert error.value.retry


@pytest.mark.parametrize("body", ["<html>", "[]", '{"runs": 1}', '{"runs": [{"id": 1}]}', "null"])
def test_an_answer_that_is_not_fanfares_is_an_error_and_no_crash(client, site, body):
    site.once(lambda _: httpx.Response(200, text=body))
    with pytest.raises(Unreachable, match="check the URL"):
        client.runs()


@pytest.mark.parametrize("body", ["<html>", "[]", '{"url": 1}', '{"files": [1]}', "null", "7"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.start("job", b"one\n"),
        lambda client: client.start("job"),
        lambda client: client.outputs("r"),
        lambda client: client.run("r"),
    ],
    ids=["upload", "start", "outputs", "run"],
)
def test_no_operation_trusts_an_answer(client, site, ask, body):
    site.once(lambda _: httpx.Response(200, text=body))
    with pytest.raises(Unreachable, match="check the URL"):
        ask(client)


def test_a_file_that_is_not_there_or_empty_is_refused_before_anything_is_sent(client, site):
    for file in ("nowhere.txt", b""):
        with pytest.raises(Refused):
            client.start("job", file)
    assert site.asked == []


def test_a_start_without_the_input_that_is_needed_is_refused(client):
    with pytest.raises(Refused, match="splits its input"):
        client.start("job")


@pytest.mark.parametrize("run", ["", ".", "..", "a/b", "../runs", "?x=1#"])
def test_a_strange_run_id_asks_for_no_other_route(client, site, run):
    with pytest.raises(FanfareError) as refused:
        client.run(run)
    assert isinstance(refused.value, NotFound | Refused)
    assert not [r for r in site.asked if r.url.path == "/api/runs"]
