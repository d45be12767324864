"""Completion events from a queue: signed requests, one deletion an event, and foreign messages."""

import base64
import json
import logging

import httpx
import pytest
from fanfare import Refused, Unreachable
from fanfare.events import Queue, message_of, signature
from fanfare.wire import Request

from tests.client.conftest import client_of
from tests.client.site import KEY

URL = "https://account.queue.core.windows.net/done"
BY_HAND = "fL2dMCHxUiiR0PBFNVjlr0A8t6yWJ0pgT0o2T/Zb0cY="
CONNECTION = "AccountName=fanfare;AccountKey=a2V5;QueueEndpoint=http://127.0.0.1:9/fanfare/;"


def event(number, **data):
    about = {"run": f"r-{number}", "pipeline": "job", "generation": 1, "verdict": "succeeded"}
    envelope = {"id": f"e-{number}", "source": "/fanfare", "type": "fanfare.run.succeeded"}
    return {**envelope, "data": {**about, **data}}


def encoded(content):
    return base64.b64encode(json.dumps(content).encode()).decode()


class Messages:
    """A queue behind the site: each message is handed out once, until it is deleted."""

    def __init__(self, site, *texts):
        self.waiting = [(f"m {n}", text) for n, text in enumerate(texts)]
        self.deleted, self.requests = [], []
        self.site = site
        site.faults.append(self._answer)
        self.gone = False

    def _answer(self, request):
        self.site.faults.append(self._answer)  # it serves for ever
        self.requests.append(request)
        if request.method == "DELETE":
            if self.gone:
                return httpx.Response(404)
            self.deleted.append(request.url.path.rpartition("/")[2])
            return httpx.Response(204)
        found = self.waiting[:1]
        del self.waiting[:1]
        rows = "".join(
            f"<QueueMessage><MessageId>{i}</MessageId><PopReceipt>p+/=</PopReceipt>"
            f"<MessageText>{text}</MessageText></QueueMessage>"
            for i, text in found
        )
        return httpx.Response(200, text=f"<QueueMessagesList>{rows}</QueueMessagesList>")


@pytest.fixture
def reader(kind, site):
    return client_of(kind, site, key=KEY, completions=Queue(URL, "account", "a2V5"))


def test_events_are_yielded_once_and_deleted_when_the_next_is_asked_for(reader, site):
    queue = Messages(site, encoded(event(1)), encoded(event(1)), encoded(event(2, new="field")))
    found = list(reader.events(timeout_s=0))
    assert [(one.run, one.ok, one.verdict) for one in found] == [
        ("r-1", True, "succeeded"),
        ("r-2", True, "succeeded"),
    ]
    assert found[1].data["new"] == "field"
    assert queue.deleted == ["m 0", "m 1", "m 2"]


def test_an_event_in_which_the_loop_is_left_stays_in_the_queue(site):
    reader = client_of("sync", site, key=KEY, completions=Queue(URL, "account", "a2V5"))
    queue = Messages(site, encoded(event(1)), encoded(event(2)))
    for found in reader.events():
        assert found.run == "r-1"
        break
    assert queue.deleted == []


@pytest.mark.parametrize(
    "text", ["", "%%%", "AAAA", encoded([]), encoded({"id": 1}), encoded({**event(1), "data": 1})]
)
def test_a_message_that_is_no_event_stays_and_the_log_tells_of_it(reader, site, caplog, text):
    queue = Messages(site, text, encoded(event(2)))
    with caplog.at_level(logging.WARNING, "fanfare"):
        assert [one.run for one in reader.events(timeout_s=0)] == ["r-2"]
    assert queue.deleted == ["m 1"]
    assert "no completion event" in caplog.text


def test_an_event_that_somebody_else_has_by_now_is_no_error(reader, site, caplog):
    queue = Messages(site, encoded(event(1)))
    queue.gone = True
    with caplog.at_level(logging.WARNING, "fanfare"):
        assert [one.run for one in reader.events(timeout_s=0)] == ["r-1"]
    assert "comes again" in caplog.text


def test_requests_are_signed_and_have_no_key_of_the_app(reader, site):
    queue = Messages(site)
    assert list(reader.events(timeout_s=0, hidden_s=60)) == []
    (request,) = queue.requests
    assert request.headers["authorization"].startswith("SharedKey account:")
    assert "x-functions-key" not in request.headers
    assert request.url.params["visibilitytimeout"] == "60"


def test_the_signature_is_that_of_storage():
    """The text to sign as the documentation gives it, digested by hand."""
    headers = {"x-ms-date": "Sun, 11 Oct 2009 21:49:13 GMT", "x-ms-version": "2021-12-02"}
    request = Request("GET", f"{URL}/messages?visibilitytimeout=30&numofmessages=1")
    signed = signature(Queue(URL, "account", "a2V5"), request, headers)
    assert signed == "SharedKey account:" + BY_HAND


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"<a", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b"<a>" + b" " * (2 << 20)],
)
def test_an_answer_that_is_not_a_queues_is_an_error(content):
    with pytest.raises(Unreachable, match="not that of a queue"):
        message_of(content)


def test_a_client_without_a_queue_says_what_it_needs(kind, site):
    with pytest.raises(Refused, match="completions"):
        list(client_of(kind, site).events())


def test_a_connection_string_names_a_queue():
    queue = Queue.of_connection(CONNECTION, "completions")
    assert (queue.url, queue.account) == ("http://127.0.0.1:9/fanfare/completions", "fanfare")
    assert "a2V5" not in repr(queue)
    with pytest.raises(Refused, match="QueueEndpoint"):
        Queue.of_connection("AccountName=a;AccountKey=b", "completions")
