"""The queue trigger over time: polling, waking, how many at once, renewal."""

import asyncio
import itertools
import json

import pytest

from emulators.functions.app.definitions import Binding, Function
from tests.emulators.functions.golden.cases import Case, each, hold, in_areas
from tests.emulators.functions.golden.queues.host import OUT, QUEUE, Behaviour, QueueHost
from tests.emulators.functions.golden.queues.requests import assert_same_requests
from tests.emulators.functions.golden.queues.storage import Refused, encoded
from tests.emulators.functions.golden.virtual_time import run, seconds

AREAS = ("polling", "concurrency", "ordering", "renewal")
NOISE_MS = 60  # what the recorded machine needed besides waiting


@each("queues", *AREAS)
def test_time_passes_as_in_azure(case):
    replays = {
        "polling": replay_polling, "concurrency": replay_concurrency, "ordering": replay_ordering,
        "renewal": replay_renewal,
    }  # fmt: skip
    hold(case, lambda case: run(replays[case["area"]](case)))


@each("queues", "output", beginning="wake-")
def test_an_output_lets_a_waiting_poll_sleep(case):
    hold(case, lambda case: run(replay_output(case)))


async def replay_polling(case: Case) -> None:
    if "ms_from_end_to_next_receive" in case["then"]:
        await replay_end(case)
        return
    recorded = case["then"]["polls"]
    fastest, slowest = [await gaps(case, jitter) for jitter in (0.0, 1.0)]
    found = [n for n, poll in enumerate(recorded) if poll["messages"]]
    runs = [0, *found], [*found, len(recorded)]
    for first, last in zip(*runs, strict=True):
        waits = case["then"]["gaps_ms"][first : last - 1]
        for wait, least, most in zip(waits, fastest[first > 0], slowest[first > 0], strict=False):
            assert least - NOISE_MS <= wait <= most + NOISE_MS


async def gaps(case, jitter):
    """Return the waits from the start on, and those after a message."""
    host = QueueHost(case["given"]["config"], jitter=jitter)
    host.storage.queues[QUEUE] = []
    host.listen(Behaviour())
    host.start()
    await asyncio.sleep(400)
    host.storage.put(QUEUE, encoded("late"))
    await asyncio.sleep(400)
    await host.stop()
    polls = host.storage.requests
    assert polls[0].query == {"comp": "metadata"}
    asked = [(r.ms, bool(r.got)) for r in polls if r.method == "GET"]
    after = next(n for n, (_, got) in enumerate(asked) if got)
    waits = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(asked)]
    return waits[:after], waits[after:]


async def replay_end(case: Case) -> None:
    """The end of a function does not wake the poll, which has backed off by then."""
    host = QueueHost(case["given"]["config"])
    host.storage.put(QUEUE, encoded("long"))
    host.listen(Behaviour(takes_s=8))
    host.start()
    await asyncio.sleep(20)
    await host.stop()
    ended = next(r.ms for r in host.storage.requests if r.method == "DELETE")
    following = next(r.ms for r in host.storage.requests if r.is_receive and r.ms > ended)
    assert following - ended == pytest.approx(case["then"]["ms_from_end_to_next_receive"], abs=2000)


class InTurn(Behaviour):
    """Function i runs 250 ms + 45 ms * ((7 i) mod 16), and no two end at the same moment."""

    async def act(self, host, number):
        index = int(host.invocations[number].got)
        await asyncio.sleep(0.25 + 0.045 * (7 * index % 16) + 0.0001 * (37 * index % 41))


async def replay_concurrency(case: Case) -> None:
    then = case["then"]
    host = QueueHost(case["given"]["config"])
    for number in range(case["given"]["messages_waiting"]):
        host.storage.put(QUEUE, encoded(str(number)))
    host.listen(InTurn())
    host.start()
    await asyncio.sleep(60)
    await host.stop()
    assert host.most_running == then["most_functions_running_at_once"]
    asked = in_hand(host.storage.requests)
    assert max(hand for hand, _ in asked) == then["most_in_hand_when_asking"]
    assert max(hand + returned for hand, returned in asked) == then["most_received_not_settled"]
    recorded = then["receives"]
    assert asked == [(r["received_not_yet_settled"], r["returned"]) for r in recorded]
    queries = {(r["numofmessages"], r["visibilitytimeout"]) for r in recorded}
    assert {tuple(r.query.values()) for r in host.storage.requests if r.is_receive} == queries


def in_hand(requests):
    """Return for each receive that found something what was in hand, and what it returned."""
    found, hand = [], 0
    for request in requests:
        if request.got:
            found.append((hand, len(request.got)))
        hand += len(request.got) - (request.method == "DELETE")
    return found


async def replay_ordering(case: Case) -> None:
    if case["id"] == "parallel-blocking-sync":
        raise NotImplementedError("threads of .NET")
    if case["id"] == "parallel-one-batch":
        await replay_batch(case)
        return
    config, then = case["given"]["config"], case["then"]
    first = QueueHost(config)
    for number in range(then["invocations"]):
        first.storage.put(QUEUE, encoded(str(number)))
    hosts = [first] if "functions" in case["id"] else [first, QueueHost(config, first.storage)]
    for name, host in zip("fg", 2 * hosts, strict=False):
        host.listen(Behaviour(takes_s=0.1), name=name)
    for host in hosts:
        host.start()
    await asyncio.sleep(5)
    for host in hosts:
        await host.stop()
    calls = [invocation for host in hosts for invocation in host.invocations]
    assert len(calls) == then["invocations"]
    assert (len({call.message for call in calls}) == len(calls)) == then["each_message_once"]
    most = then.get("most_at_once") or then["most_at_once_of_both"]
    assert most_at_once(calls) == most


def most_at_once(calls):
    changes = [(call.start_ms, 1) for call in calls] + [(call.end_ms, -1) for call in calls]
    return max(itertools.accumulate(change for _, change in sorted(changes)))


async def replay_batch(case: Case) -> None:
    host = QueueHost(case["given"]["config"])
    for number in range(16):
        host.storage.put(QUEUE, encoded(str(number)))
    host.listen(Behaviour(takes_s=0.3))
    host.start()
    await asyncio.sleep(1)
    await host.stop()
    starts = [call.start_ms for call in host.invocations]
    assert max(starts) - min(starts) <= case["then"]["start_spread_ms"]
    assert (
        ",".join(call.got.decode() for call in host.invocations) == case["then"]["order_of_starts"]
    )
    assert most_at_once(host.invocations) == case["then"]["most_at_once"]


class FirstIsLong(Behaviour):
    """The first run takes long and ends as recorded; later ones return at once."""

    def __init__(self, given):
        super().__init__()
        self.long_s = given["function_runs_seconds"]
        self.first_fails = given.get("function_then") == "throws"

    async def act(self, host, number):
        await asyncio.sleep(0.001 if number else self.long_s)
        self.fails = self.first_fails and not number


def renewal_rule(given):
    """Return what disturbs a renewal, by what the recording says."""
    what = given["disturbance"]
    ends = {
        "503 to every renewal request from 290 s to 315 s": 315,
        "503 to every renewal until 350 s": 350,
        "403 to every renewal request": 1e9,
    }
    until = ends.get(what, 0)
    code = Refused(403, "AuthorizationFailure") if "403" in what else Refused(503, "ServerBusy")

    def rule(request):
        renews = request.method == "PUT" and request.query.get("visibilitytimeout") == "600"
        return code if renews and seconds() < until else None

    return rule


async def replay_renewal(case: Case) -> None:
    given, then = case["given"], case["then"]
    host = QueueHost(given["config"])
    message = host.storage.put(QUEUE, encoded("long"))
    host.storage.rules.append(renewal_rule(given))
    host.listen(FirstIsLong(given))
    host.start()
    await asyncio.sleep(250)
    if given["disturbance"].startswith("deleted"):
        host.storage.queues[QUEUE].clear()
    if given["disturbance"].startswith("updated"):
        message.receipt, message.visible_s = "another client's", seconds() + 3600
    await asyncio.sleep(250)
    await host.stop()
    assert_same_requests(host.storage.requests, then["requests"])
    assert len(host.crashes) == len(then["unhandled_exceptions"])
    renewed = [r.ms for r in host.storage.requests if r.query.get("visibilitytimeout") == "600"
               and r.method == "PUT"]  # fmt: skip
    recorded = [r["ms"] for r in then["requests"] if r["method"] == "PUT"
                and r["query"]["visibilitytimeout"] == "600"]  # fmt: skip
    assert renewed[0] == pytest.approx(recorded[0], abs=200)
    for ours, theirs in zip(renewed[1:], recorded[1:], strict=True):
        assert ours - renewed[0] == pytest.approx(theirs - recorded[0], rel=0.6)


class Chain(Behaviour):
    """Writes to the other queue just after a receive there that found nothing for long."""

    async def act(self, host, number):
        await after_long_wait(host)


async def after_long_wait(host):
    while True:
        asked = [r.ms for r in host.storage.requests if r.queue == OUT and r.is_receive]
        if len(asked) > 1 and asked[-1] - asked[-2] > 4500:
            return
        await asyncio.sleep(0.1)


def outputs_of(case: Case):
    if case["id"] == "wake-sync-collector":
        return {"out": {"kind": "json", "value": json.dumps(["a m", "b m"])}}
    if "called" in case["id"]:
        return {"out": {"kind": "string", "value": "x"}}
    return {"out": {"kind": "string", "value": "from m"}}


@pytest.mark.parametrize("name", ["wake-return", "wake-sync-collector", "wake-called-outstr"])
def test_with_waking_on_an_output_ends_the_wait(name):
    """The difference that a switch makes, and that the README names."""
    case = next(case for case in in_areas("output") if case["id"] == name)
    with pytest.raises(AssertionError):
        run(replay_output(case, wake=True))


async def replay_output(case: Case, *, wake=False) -> None:
    given, then = case["given"], case["then"]
    if case["id"] == "wake-collector-throws":
        raise NotImplementedError("what a Python function wrote is not sent if it raises")
    if case["id"] == "wake-called-collpoco":
        raise NotImplementedError("an object of .NET")
    host = QueueHost(given["config"], wake=wake)
    host.storage.queues |= {QUEUE: [], OUT: []}
    binding = Binding("out", "queue", {"queuename": OUT})
    host.listen(Behaviour(), queue=OUT, name="g")
    if "called" not in case["id"]:
        host.storage.put(QUEUE, encoded("m"))
        host.listen(Chain(outputs=outputs_of(case)), outputs=(binding,))
    if "fails" in case["id"]:
        host.storage.rules.append(
            lambda r: Refused(403, "AuthorizationFailure")
            if r.method == "POST" and r.queue == OUT else None
        )  # fmt: skip
    host.start()
    if "called" in case["id"]:
        await after_long_wait(host)
        function = next(iter(host.behaviours))
        await host.service.send_outputs(outputs_only(function, binding), outputs_of(case))
    await asyncio.sleep(60)
    await host.stop()
    assert_same_requests(host.storage.requests, then["requests"])
    written = [r.ms for r in host.storage.requests if r.method == "POST" and r.queue == OUT][-1]
    asked = next(r.ms for r in host.storage.requests if r.queue == OUT and r.is_receive
                 and r.ms > written)  # fmt: skip
    assert asked - written == pytest.approx(
        then["ms_from_output_answer_to_next_receive_of_out_queue"], abs=500
    )


def outputs_only(name, binding):
    return Function(name, name, Binding("t", "queuetrigger"), (binding,))
