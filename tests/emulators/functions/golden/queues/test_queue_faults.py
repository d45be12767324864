"""The queue trigger when storage refuses, and when the host stops; outputs; options."""

import asyncio
import base64
import json
import re
from dataclasses import replace

import pytest

from emulators.functions.app.definitions import Binding, Function
from emulators.functions.app.host_json import QueueOptions, Surroundings, parse_host_options
from emulators.functions.errors import InvocationFailed
from emulators.functions.timespans import parse_span
from tests.emulators.functions.golden.cases import Case, each, hold, in_areas
from tests.emulators.functions.golden.queues.host import (
    OUT,
    QUEUE,
    Behaviour,
    QueueHost,
    digest,
    options_of,
)
from tests.emulators.functions.golden.queues.requests import assert_same_requests
from tests.emulators.functions.golden.queues.storage import Refused, encoded
from tests.emulators.functions.golden.virtual_time import run, seconds

POISON = QUEUE + "-poison"


@each("queues", "storage faults")
def test_a_fault_of_storage_has_the_effect_of_azure(case):
    if case["id"] != "unhandled-default-handler":  # below, with a process
        hold(case, lambda case: run(replay_fault(case)))


def rule_of(case: Case):
    """Return which request is refused, how, and until when."""
    words = case["given"]["fault"]
    code = re.search(r"answered (\d+)(?: (\w+))?", words)
    names = {"500": "InternalError", "403": "AuthorizationFailure", "404": "MessageNotFound"}
    name = code and (code[2] if code[2] and code[2] != "for" else names.get(code[1], ""))
    effect = Refused(int(code[1]), name) if code else "abort"
    if "not XML" in words:
        effect = "no xml"
    limit = re.search(r"for (\d+) s", words)
    until_s = int(limit[1]) if limit else 1e9
    if "first receive" in words:
        until_s = 0.01
    targets = {"receive": lambda r: r.is_receive, "DELETE": lambda r: r.method == "DELETE",
               "PUT of a message": lambda r: r.method == "PUT" and r.message,
               "POST": lambda r: r.method == "POST",
               "?comp=metadata": lambda r: "comp" in r.query and seconds() > 0}  # fmt: skip
    target = next(check for name, check in targets.items() if name in words)
    return lambda request: effect if target(request) and seconds() < until_s else None


async def replay_fault(case: Case) -> None:
    given, then = case["given"], case["then"]
    host = QueueHost(given["config"])
    host.storage.queues[QUEUE] = []
    if case["id"] != "queue-deleted-idle":
        host.storage.put(QUEUE, base64.b64decode(given["message_base64_of_raw_body"]).decode())
        host.storage.rules.append(rule_of(case))
    fails = case["id"].startswith(("update-", "poison-"))
    host.listen(Behaviour(fails=fails))
    host.start()
    if case["id"] == "queue-deleted-idle":
        await asyncio.sleep(then["queue_deleted_ms"] / 1000)
        del host.storage.queues[QUEUE]
        await asyncio.sleep((then["queue_made_again_ms"] - then["queue_deleted_ms"]) / 1000)
        host.storage.put(QUEUE, encoded("again"))
    await asyncio.sleep(max(r["ms"] for r in then["requests"]) / 1000 + 25)
    await host.stop()
    assert_story(case, host)
    assert len(host.crashes) == len(then.get("unhandled_exceptions", []))
    assert len(host.invocations) == len(then.get("invocations", []))
    if "source_queue_left" in then:
        assert len(host.storage.queues[QUEUE]) == then["source_queue_left"]
    if then.get("receives_in_2500_ms_afterwards") == 0:
        assert sum(r.is_receive for r in host.storage.requests) == 1
    peeked = [m["body_base64"] for m in then.get("poison_queue_peeked", []) if isinstance(m, dict)]
    assert [digest(m.text.encode()) for m in host.storage.queues.get(POISON, [])] == peeked


def assert_story(case: Case, host: QueueHost) -> None:
    """Compare all requests; of a long outage compare its first round."""
    recorded = case["then"]["requests"]
    ours = host.storage.requests
    if case["id"] == "receive-bad-xml":  # the recording left the answer without XML out
        ours = [r for r in ours if not r.is_receive]
    if case["id"] == "receive-503-70s":
        recorded, ours = recorded[:8], ours[:8]
    if case["id"] in ("receive-404", "receive-409", "queue-deleted-idle"):
        assert kinds(ours) == kinds_of(recorded)
        return
    assert_same_requests(ours, recorded)


def kinds(requests):
    return squeezed(
        (r.method, "comp" in r.query, r.status, bool(r.got))
        for r in requests
        if not (r.is_receive and r.status == 200 and not r.got)
    )


def kinds_of(recorded):
    return squeezed(
        (r["method"], "comp" in r["query"], r["status"], bool(r.get("messages")))
        for r in recorded
        if r.get("messages") != []
    )


def squeezed(kinds):
    """Leave out repetitions of up to two requests: their number depends on chance."""
    told = []
    for kind in kinds:
        if kind not in told[-2:]:
            told.append(kind)
    return told


def test_an_unhandled_exception_ends_the_process_with_134(host):
    case = next(c for c in in_areas("storage faults") if c["id"] == "unhandled-default-handler")
    host.settings["AzureWebJobsStorage"] = re.sub(
        "AccountKey=[^;]+", "AccountKey=d3Jvbmc=", host.settings["AzureWebJobsStorage"]
    )
    host.start()
    recorded = case["then"]["receive_403"]["process_exit_code"]
    assert host.process.wait(60) == recorded == case["then"]["delete_403"]["process_exit_code"]
    host.process.stdout.close()
    assert "Unhandled exception: the host ends" in host.log.read_text()


@each("queues", "shutdown")
def test_a_stop_settles_what_azure_settles(case):
    hold(case, lambda case: run(replay_stop(case)))


async def replay_stop(case: Case) -> None:
    given, then = case["given"], case["then"]
    if "token" in case["id"] and case["id"] != "stop-ignoring-token":
        raise NotImplementedError("a Python function has no cancellation token")
    host = QueueHost(given["config"])
    host.storage.queues[QUEUE] = []
    count = given.get("messages_waiting", len(given.get("messages_base64_of_raw_bodies", ())))
    for number in range(count):
        host.storage.put(QUEUE, encoded(str(number)))
    if case["id"] == "stop-during-receive":
        host.storage.hold_s = lambda request: 1.5 if request.is_receive else 0.001
    ends = [i["end_ms"] - i["start_ms"] for i in then["invocations"]]
    host.listen(Behaviour(takes_s=round(ends[0] / 1000) if ends else 1))
    host.start()
    await asyncio.sleep(then["stop_called_ms"] / 1000)
    called = seconds()
    await host.stop(drain_s=60)
    took_ms = (seconds() - called) * 1000
    requests = len(host.storage.requests)
    await asyncio.sleep(5)
    assert len(host.storage.requests) == requests
    assert_same_requests(host.storage.requests, then["requests"])
    assert len(host.invocations) == len(then["invocations"])
    assert host.running == 0
    if case["id"] != "stop-drain-only":  # its time is that of the recording's own wait
        assert took_ms == pytest.approx(then["stop_took_ms"], abs=200)
    left = host.storage.queues[QUEUE]
    assert len(left) == then["source_queue_left"]
    if "source_queue_visible" in then:
        visible = [m for m in left if m.visible_s <= seconds()]
        assert (len(visible), host.storage.requests[-1].cut) == (then["source_queue_visible"], True)


@each("queues", "output", beginning="out-")
def test_an_output_is_written_as_azure_writes_it(case):
    hold(case, lambda case: run(replay_output(case)))


def datum_of(given):
    """Return what a Python function would have set for the value of a .NET one."""
    method, value = given["method"], given["value"]
    plain = ("OutStr", "OutBytes", "OutBinary", "OutStrings", "CollStr", "OutThrow")
    if method not in plain and "<null>" not in value:
        raise NotImplementedError("an object of .NET")
    if "<null>" in value:
        if method == "CollStr":
            raise NotImplementedError("no list of a Python function holds None")
        return None
    if value.startswith("length "):
        value = "x" * int(value.split()[1])
    if method in ("OutBytes", "OutBinary"):
        return {"kind": "bytes", "value": value}
    if method in ("OutStrings", "CollStr"):
        return {"kind": "json", "value": json.dumps(value.split(","))}
    return {"kind": "string", "value": value}


async def replay_output(case: Case) -> None:
    given, then = case["given"], case["then"]
    host = QueueHost(given["config"])
    if given["out_queue_exists"]:
        host.storage.queues[OUT] = []
    if case["id"].startswith("out-outstr-50"):
        left = iter([Refused(500, "InternalError")] if "once" in case["id"]
                    else [Refused(503, "ServerBusy")] * 9)  # fmt: skip
        host.storage.rules.append(lambda _: next(left, None))
    datum = datum_of(given)
    function = Function("f", "f", Binding("t", "timertrigger"),
                        (Binding("out", "queue", {"queuename": OUT}),))  # fmt: skip
    # What a function set before it raised is never sent: see app/invocations.py.
    outputs = {} if datum is None or given["method"] == "OutThrow" else {"out": datum}
    try:
        await host.service.send_outputs(function, outputs)
    except InvocationFailed:
        assert then["call"] != "completed"
    else:
        assert then["call"] == "completed" or given["method"] == "OutThrow"
    assert_same_requests(host.storage.requests, then["requests"])
    peeked = then["out_queue_peeked"]
    if peeked == ["QueueNotFound"]:
        assert OUT not in host.storage.queues
    elif "length" not in given["value"]:
        assert [digest(m.text.encode()) for m in host.storage.queues[OUT]] == [
            m["body_base64"] for m in peeked
        ]


@each("queues", "options")
def test_options_are_those_of_azure(case):
    hold(case, replay_options)


def replay_options(case: Case) -> None:
    given, then = case["given"], case["then"]
    around = Surroundings(development=False, processors=given.get("cores", 2))
    if given.get("environment_WEBSITE_SKU"):
        around = replace(Surroundings.of({"WEBSITE_SKU": "Dynamic"}), development=False)
    if "new_object" in then:
        assert parsed({}, around) == recorded_options(then["new_object"])
    if "host_in_Development" in then:
        replay_environments(then, around)
    sizes = then.get("NewBatchThreshold_by_BatchSize", then)
    for name, threshold in sizes.items():
        if name.startswith("batch_"):
            size = {"batchSize": int(name.removeprefix("batch_"))}
            assert parsed(size, around).new_batch_threshold == threshold
    for setting, result in then.items():
        if "=" in setting:
            replay_setting(setting, result, around)


def replay_environments(then, around):
    development = replace(around, development=True)
    for name, there in (("Production", around), ("Staging", around), ("Development", development)):
        assert parsed({}, there) == recorded_options(then[f"host_in_{name}"])
    for words, span in (("one_minute", "00:01:00"), ("30s", "00:00:30")):
        polling = parsed({"maxPollingInterval": span}, development).max_polling_s
        assert polling == parse_span(then[f"host_in_Development_with_{words}_set_in_code"])


def replay_setting(setting, result, around):
    name, value = setting.split("=")
    document = {name: as_span(value) if name in ("MaxPollingInterval", "VisibilityTimeout")
                else value}  # fmt: skip
    if result.startswith("refused"):
        with pytest.raises(ValueError):
            parsed(document, around)
        return
    options = parsed(document, around)
    if result.startswith("{"):
        assert options == recorded_options(json.loads(result))
        return
    field = {"BatchSize": "batch_size", "NewBatchThreshold": "new_batch_threshold",
             "MaxDequeueCount": "max_dequeue_count", "MaxPollingInterval": "max_polling_s",
             "VisibilityTimeout": "visibility_s"}[name]  # fmt: skip
    expected = parse_span(result) if field.endswith("_s") else int(result)
    assert getattr(options, field) == expected


def as_span(value: str) -> str:
    """Write 50ms or 1s as a time span; the recording passed an object."""
    match = re.fullmatch(r"(-?)([\d.]+)(ms|s)", value)
    if not match:
        return value
    total = float(match[2]) / (1000 if match[3] == "ms" else 1)
    days, rest = divmod(total, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{match[1]}{int(days)}.{int(hours):02}:{int(minutes):02}:{rest:010.7f}"


def recorded_options(recorded) -> QueueOptions:
    return options_of(recorded)


def parsed(section, around) -> QueueOptions:
    document = {"extensions": {"queues": {name.lower(): value for name, value in section.items()}}}
    return parse_host_options(document, around).queues


@each("queues", "read by reflection")
def test_private_fields_of_microsofts_objects_are_not_replayed(case):
    def nothing(case):
        raise NotImplementedError(case["id"])

    hold(case, nothing)
