"""What a subscription asks for, and which targets and names are refused."""

import pytest

from emulators.eventgrid.events import Event, Schema
from emulators.eventgrid.filters import parse_filter, passes
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.subscribing.endpoints import BadEndpoint, base_of, checked_queue, checked_url
from pipeline.cli.subscribing.wanted import MAX_PIPELINES, Filter, Verdict, Wanted, named
from pipeline.domain.runs.messages import Queue


def event(pipeline: str, verdict: str) -> Event:
    body = {
        "id": "1",
        "source": f"/fanfare/pipelines/{pipeline}",
        "type": f"fanfare.run.{verdict}",
        "subject": "runs/1",
        "data": {"pipeline": pipeline, "verdict": verdict},
    }
    return Event(Schema.CLOUD, body)


@pytest.mark.parametrize(
    ("asked", "passing"),
    [
        (Filter(), {"a-failed", "a-succeeded", "b-failed", "b-succeeded"}),
        (Filter.of([], [Verdict.FAILED]), {"a-failed", "b-failed"}),
        (Filter.of(["a", "a"], []), {"a-failed", "a-succeeded"}),
        (Filter.of(["a"], [Verdict.FAILED, Verdict.CANCELLED]), {"a-failed"}),
        (Filter.of([], list(Verdict)), {"a-failed", "a-succeeded", "b-failed", "b-succeeded"}),
    ],
)
def test_a_filter_passes_what_was_asked_for(asked, passing):
    wanted = parse_filter(asked.properties())
    found = {
        f"{p}-{v}" for p in "ab" for v in ("failed", "succeeded") if passes(wanted, event(p, v))
    }
    assert found == passing


def test_no_filter_is_sent_where_everything_passes():
    assert "filter" not in Wanted("n", queue="desk").properties()
    assert Filter().words() == "all runs"
    both = Filter.of(["b", "a"], [Verdict.CANCELLED, Verdict.FAILED])
    assert both.words() == "runs of a, b that failed or were cancelled"


def test_more_pipelines_than_event_grid_takes_are_refused():
    many = [f"p{n}" for n in range(MAX_PIPELINES + 1)]
    assert parse_filter(Filter.of(many[1:], []).properties())
    with pytest.raises(CommandError, match="25 pipelines, not 26"):
        Filter.of(many, [])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org/x", "begin with https://"),
        ("example.org", "begin with https://"),
        ("https://", "name a host"),
        ("https://a:b@example.org/", "put a token into its query"),
        ("https://example.org/#x", "never sent"),
        ("https://example.org:99999/", "malformed"),
        ("https://example.org:0/", "malformed"),
        ("https://[::1/", "malformed"),
        ("https://example.org/a b", "%XX"),
        ("https://example.org/\x1b[31m", "%XX"),
        ("https://exämple.org/", "%XX"),
        ("https://example.org/" + "x" * 2000, "2,020 characters"),
    ],
)
def test_a_url_that_nobody_can_call_is_refused(url, said):
    with pytest.raises(BadEndpoint, match=said) as caught:
        checked_url(url, public=False)
    assert caught.value.code is Exit.USAGE
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


PRIVATE = (
    "localhost", "shop", "shop.local", "x.internal", "127.0.0.1", "10.1.2.3", "192.168.0.1",
    "169.254.169.254", "[::1]", "[fd00::1]", "[::ffff:10.0.0.1]", "100.64.0.1",
)  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_matters_only_in_azure(host):
    url = f"https://{host}/hook"
    assert checked_url(url, public=False) == url
    with pytest.raises(BadEndpoint, match="Azure cannot reach"):
        checked_url(url, public=True)


def test_azure_calls_https_alone():
    assert checked_url("https://example.org/hook?token=x", public=True)
    with pytest.raises(BadEndpoint, match="https:// only"):
        checked_url("http://example.org/hook", public=True)


def test_an_error_about_a_url_does_not_show_its_token():
    with pytest.raises(BadEndpoint) as caught:
        checked_url("ftp://example.org/hook?token=hidden", public=False)
    assert "hidden" not in str(caught.value)
    assert base_of("https://example.org/hook?token=hidden") == "https://example.org/hook?…"


@pytest.mark.parametrize("name", ["ab", "Desk", "a--b", "-a-b", "a_b", "x" * 64, "a/../b", ""])
def test_a_name_that_no_queue_has_is_refused(name):
    with pytest.raises(BadEndpoint, match="no name of a queue"):
        checked_queue(name)


@pytest.mark.parametrize("name", [Queue.WORK, Queue.RECEIPTS.poison, "blob-events"])
def test_the_queues_of_the_engine_are_refused(name):
    with pytest.raises(BadEndpoint, match="the engine's own"):
        checked_queue(str(name))


@pytest.mark.parametrize(
    ("url", "queue", "made"),
    [
        ("", "desk", "desk"),
        ("http://127.0.0.1:8999/", "", "127-0-0-1-8999"),
        ("https://Example.org/Hook?token=hidden", "", "example-org-hook"),
        ("https://e", "", "hook-e"),
        ("https://example.org/" + "x" * 99, "", "example-org-" + "x" * 52),
    ],
)
def test_a_name_is_made_of_the_target_without_its_query(url, queue, made):
    assert named(None, url, queue) == named(made, url, queue) == made


@pytest.mark.parametrize("name", ["ab", "a b", "x" * 65, "a/b", "\x1b[31m", "ä-ä"])
def test_a_name_that_event_grid_refuses_is_refused(name):
    with pytest.raises(CommandError, match="no name of a subscription") as caught:
        named(name, "https://example.org", "")
    assert "\x1b" not in str(caught.value)
