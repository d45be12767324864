"""The queue trigger, message by message: encodings, settling, poison, binding, somebody else."""

import asyncio
import base64
import hashlib
import itertools
from datetime import datetime, timedelta

import pytest

from tests.emulators.functions.golden.cases import Case, each, hold
from tests.emulators.functions.golden.queues.host import QUEUE, Behaviour, QueueHost, digest
from tests.emulators.functions.golden.queues.requests import assert_same_requests
from tests.emulators.functions.golden.queues.storage import TTL_S, Refused
from tests.emulators.functions.golden.virtual_time import run

POISON = QUEUE + "-poison"
AREAS = ("encoding Base64", "encoding None", "settlement", "binding", "somebody else")


@each("queues", *AREAS)
def test_a_message_is_handled_as_azure_handles_it(case):
    hold(case, replay)


def replay(case: Case) -> None:
    if case["id"] == "fail-wakes-poll":
        run(replay_release(case))
    elif "function_parameter" in case["given"]:
        run(replay_body(case))
    elif "start" in case["then"]:
        replay_refused_name(case)
    else:
        run(replay_settling(case))


def replay_refused_name(case: Case) -> None:
    name = case["given"]["function"][0].split()[-1]
    with pytest.raises(ValueError, match=name):
        QueueHost(case["given"]["config"]).listen(Behaviour(), queue=name)


async def replay_body(case: Case) -> None:
    """One raw body, for a function of one type."""
    given, then = case["given"], case["then"]
    if then["put_status"] != 201:
        raise NotImplementedError("storage refuses the message, whatever the host does")
    host = QueueHost(given["config"])
    host.storage.queues[POISON] = []
    host.storage.put(QUEUE, raw_body(given))
    binary = given["function_parameter"] != "string"
    host.listen(Behaviour(fails=given["function"] == "throws"), binary=binary)
    host.start()
    await asyncio.sleep(0.5)
    await host.stop()
    assert_same_requests(host.storage.requests, then["requests"])
    assert len(host.invocations) == then["invoked"]
    for invocation, recorded in zip(host.invocations, then["got"], strict=True):
        assert invocation.count == recorded["dequeue_count"]
        assert digest(invocation.got) == recorded["bytes_base64"]
        shown = invocation.metadata.get("QueueTrigger", "absent")
        assert shown == recorded["queue_trigger_metadata"] or len(shown) > 1000
    assert [digest(m.text.encode()) for m in host.storage.queues[POISON]] == then[
        "poison_bodies_base64"
    ]
    assert len(host.storage.queues[QUEUE]) == then["source_queue_left"]


def raw_body(given) -> str:
    if "message_base64_of_raw_body" in given:
        return base64.b64decode(given["message_base64_of_raw_body"]).decode()
    is_base64 = "Base64" in given["raw_body_is"]
    letters = itertools.cycle("abcdefghijklmnopqrstuvwxyz" if is_base64 else "0123456789abcdef")
    count = given["raw_body_length"] * 3 // 4 if is_base64 else given["raw_body_length"]
    text = "".join(itertools.islice(letters, count))
    raw = base64.b64encode(text.encode()).decode() if is_base64 else text
    assert hashlib.sha256(raw.encode()).hexdigest() == given["raw_body_sha256"]
    return raw


SLOW = ("deleted", "revisible", "updated", "queue-deleted")


class Recorded(Behaviour):
    """Fails as the recorded function did, invocation by invocation."""

    def __init__(self, case):
        super().__init__()
        self.outcomes = [call["outcome"] for call in case["then"].get("invocations", [])]
        self.slow = case["id"].startswith(SLOW)

    async def act(self, host, number):
        outcome = self.outcomes[number] if number < len(self.outcomes) else "more than recorded"
        self.fails = outcome != "returned"
        await asyncio.sleep(1.5 if self.slow and number == 0 else 0.0005)
        self.fails = outcome != "returned"


RETRY = {"strategy": "fixed_delay", "max_retry_count": 2, "delay_s": 1.0, "minimum_s": 0.0,
         "maximum_s": 0.0}  # fmt: skip


async def replay_settling(case: Case) -> None:
    given, then = case["given"], case["then"]
    function = (given.get("function") or ["string"])[0]
    if "POCO" in function or "JObject" in function:
        raise NotImplementedError("a Python function gets text or bytes")
    host, queue = prepared(case), given_queue(given)
    host.listen(
        Recorded(case), queue=queue.upper() if "upper" in function else queue,
        binary=function in ("byte[]", "BinaryData", "QueueMessage"),
        retry=RETRY if "FixedDelayRetry" in function else None,
    )  # fmt: skip
    if case["id"] == "poison-wakes-listener":
        host.listen(Behaviour(), queue=POISON, name="g")
    host.start()
    disturbing = asyncio.create_task(disturb(case, host))
    times = [r["ms"] for r in then["requests"]] + [i["end_ms"] for i in then.get("invocations", [])]
    await asyncio.sleep(max(times) / 1000 + 0.5)
    await host.stop()
    await disturbing
    assert_settled(case, host)


def given_queue(given) -> str:
    return given.get("queue_name", QUEUE)


def prepared(case: Case) -> QueueHost:
    given = case["given"]
    host = QueueHost(given["config"])
    queue = given_queue(given)
    bodies = given.get("messages_base64_of_raw_bodies", [given.get("message_base64_of_raw_body")])
    for body in bodies:
        message = host.storage.put(queue, base64.b64decode(body or "YUdWc2JHOD0=").decode())
        message.dequeued = given.get("dequeued_by_another_client_first", 0)
    if given.get("poison_queue_exists_before") or case["id"] == "poison-wakes-listener":
        host.storage.queues[queue + "-poison"] = []
    if case["id"] == "mixed-batch-poison-403":
        host.storage.rules.append(refuses("POST", 403, "AuthorizationFailure"))
    if case["id"] == "mixed-batch-delete-404":
        left = iter([Refused(404, "MessageNotFound")])
        host.storage.rules.append(lambda r: next(left, None) if r.method == "DELETE" else None)
    return host


def refuses(method, status, code):
    return lambda request: Refused(status, code) if request.method == method else None


async def disturb(case: Case, host: QueueHost) -> None:
    """Do what another client did half a second after the start."""
    what = case["given"].get("at_500_ms_another_client")
    await asyncio.sleep(0.5)
    messages = host.storage.queues[given_queue(case["given"])]
    if what == "deletes the message":
        messages.clear()
    elif what == "deletes the queue":
        del host.storage.queues[QUEUE]
    elif what is not None:
        messages[0].receipt = "another client's"
        messages[0].visible_s = 0.5 if what.endswith("at once") else 60.5


def assert_settled(case: Case, host: QueueHost) -> None:
    then, queue = case["then"], given_queue(case["given"])
    names = assert_same_requests(host.storage.requests, named(then["requests"], queue))
    calls = [(names.message(i.message), i.count, i.threw) for i in host.invocations]
    recorded = then.get("invocations", [])
    assert sorted(calls) == sorted(
        (i["message"], i["dequeue_count_seen"], i["outcome"] != "returned") for i in recorded
    )
    assert len(host.crashes) == len(then.get("unhandled_exceptions", []))
    if "poison_queue_peeked" in then:
        assert_peeked(host.storage.queues.get(queue + "-poison"), then["poison_queue_peeked"])
    if "source_queue_left" in then:
        assert len(host.storage.queues.get(queue, ())) == then["source_queue_left"]
    if "metadata" in then:
        assert_metadata(host.invocations[0].metadata, then["metadata"], names)
    if "ms_from_post_to_next_receive_of_poison_queue" in then:
        posted = next(r.ms for r in host.storage.requests if r.method == "POST")
        woken = next(r for r in host.storage.requests if r.queue == POISON and r.ms > posted)
        assert woken.ms - posted < 10


def named(requests, queue):
    """Put the name of a queue of the recording in place of its placeholder."""
    if queue == QUEUE:
        return requests
    return [r | {"path": r["path"].replace("{queue}", queue)} for r in requests]


def assert_peeked(messages, recorded):
    if recorded == ["QueueNotFound"]:
        assert messages is None
        return
    assert [digest(m.text.encode()) for m in messages] == [m["body_base64"] for m in recorded]
    assert {m["ttl_seconds"] for m in recorded} <= {TTL_S}


def assert_metadata(metadata, recorded, names):
    """The host of a Python function passes texts, and no system data."""
    assert set(metadata) == set(recorded) - {"sys"}
    for name in ("QueueTrigger", "DequeueCount"):
        assert metadata[name] == recorded[name]["value"]
    assert names.message(metadata["Id"]) == recorded["Id"]["value"]
    inserted, expires, visible = (
        datetime.fromisoformat(metadata[name])
        for name in ("InsertionTime", "ExpirationTime", "NextVisibleTime")
    )
    assert expires - inserted == timedelta(days=7)
    assert visible - inserted == timedelta(minutes=10)


async def replay_release(case: Case) -> None:
    """A release after 8 s does not wake the poll, which has backed off by then."""
    host = QueueHost(case["given"]["config"])
    host.storage.put(QUEUE, "aGVsbG8=")
    host.listen(Behaviour(takes_s=8, fails=True))
    host.start()
    await asyncio.sleep(20)
    await host.stop()
    released = next(r.ms for r in host.storage.requests if r.method == "PUT")
    following = next(r.ms for r in host.storage.requests if r.is_receive and r.ms > released)
    assert following - released == pytest.approx(
        case["then"]["ms_from_release_to_next_receive"], abs=1500
    )
