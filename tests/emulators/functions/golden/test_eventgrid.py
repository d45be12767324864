"""The Event Grid web hook: handshakes, notifications, failures, and what a function is given."""

import asyncio
import json
import re
from zoneinfo import ZoneInfo

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum
from multidict import CIMultiDict

from emulators.functions.app.definitions import Binding, Function, define_functions
from emulators.functions.app.settings import AppSettings
from emulators.functions.errors import InvocationFailed, StartError
from emulators.functions.eventgrid.webhook import PATH, EventGridWebhook
from tests.emulators.functions.golden.cases import Case, each, hold
from tests.emulators.functions.golden.virtual_time import run, seconds

FUNCTIONS = {"One", "Cloud", "Many", "ManyCloud", "Str", "Jo", "Bin", "PocoF"}
EVENT_50 = {"id": "e", "topic": "/subscriptions/x", "subject": "s", "eventType": "T",
            "eventTime": "2026-03-01T10:00:00.1234567Z", "dataVersion": "1.0",
            "metadataVersion": "1"}  # fmt: skip
LONG = {  # these bodies are cut in the recording
    "eg-033": [EVENT_50 | {"id": f"e{n}", "data": {"s": "SLEEP100"}} for n in range(50)],
    "eg-050": [EVENT_50 | {"id": "a", "data": "x" * 900_000}],
}


@each("eventgrid")
def test_the_web_hook_answers_as_microsofts_does(case):
    hold(case, replay_blob if case["id"].startswith("bg-") else replay)


def replay_blob(case: Case) -> None:
    """A blob trigger is refused at the start, by name."""
    binding = json.dumps({"name": "blob", "type": "blobTrigger", "direction": "IN"})
    found = {"id": "1", "name": "OnBlob", "retry": None, "script_file": "", "bindings": [binding]}
    with pytest.raises(StartError, match="blobTrigger"):
        define_functions([found], AppSettings({}))
    raise NotImplementedError(case["id"])


def replay(case: Case) -> None:
    given, then = case["given"], case["then"]
    if "method" not in given:
        raise NotImplementedError(case["id"])
    functions = RecordedFunctions()
    answer, took_ms = run(functions.ask(case))
    assert_same(functions.calls, then["invocations"])
    if "exception" in then:  # no answer was recorded; ours is 500 without a body
        assert (answer.status, answer.text or "") == (500, "")
        return
    assert (answer.status, answer.text or "") == (then["status"], then["body"])
    for name, value in then["headers"].items():
        assert answer.headers[name] == value
    if "took_ms" in then:
        assert took_ms == pytest.approx(then["took_ms"], abs=5)


class RecordedFunctions:
    """The functions of the recording: they sleep and fail as the text of their event says."""

    def __init__(self):
        self.calls = []
        self.webhook = EventGridWebhook(
            [self._function(name) for name in FUNCTIONS], self, None, ZoneInfo("UTC")
        )

    def _function(self, name):
        many = {"cardinality": "MANY"} if name.startswith("Many") else {}
        return Function(name, name, Binding("event", "eventgridtrigger", many))

    async def ask(self, case: Case):
        given = case["given"]
        body = json.dumps(LONG[case["id"]]) if case["id"] in LONG else given["body"]
        payload = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**24)
        payload.feed_data((body or "").encode())
        payload.feed_eof()
        request = make_mocked_request(
            given["method"], PATH + given["query"], CIMultiDict(given["headers"]),
            payload=payload, client_max_size=2**24,
        )  # fmt: skip
        try:
            answer = await self.webhook.handle(request)
        except web.HTTPException as error:
            answer = error
        return answer, seconds() * 1000

    async def run(self, function, call):
        """Stand in for the invocations of a host, with Python's own reading of an event."""
        text = call.data["value"]
        call_of = {"function": function.name, "got": text, "threw": "FAIL" in text}
        if function.name in {"One", "Cloud"}:
            decode(text)
        self.calls.append(call_of)
        for milliseconds in re.findall(r"SLEEP(\d+)", text):
            await asyncio.sleep(int(milliseconds) / 1000)
        if call_of["threw"]:
            raise InvocationFailed("failed on purpose")


def decode(text):
    """Read an event as Python's own library does."""
    try:
        EventGridEventInConverter.decode(Datum(text, "json"), trigger_metadata=None)
    except ValueError as error:
        raise InvocationFailed(str(error)) from error


def assert_same(calls, recorded):
    if recorded and "count" in recorded[0]:
        assert len(calls) == recorded[0]["count"]
        return
    assert comparable(calls) == comparable(recorded)


def comparable(calls):
    """Return what functions got: the whole text, or the ids where .NET made events of it."""
    return sorted((call["function"], got(call), call["threw"]) for call in calls)


def got(call):
    function, text = call["function"], call["got"]
    if function in {"Str", "Bin"}:
        return re.sub("x{50}(?s:.*)", "", text)  # a long one is cut in the recording
    parsed = json.loads(text)
    if function == "Jo":
        return json.dumps(parsed)
    events = parsed if isinstance(parsed, list) else [parsed]
    return ",".join(str(event.get("Id") or event.get("id")) for event in events)
