"""The pure rules of the queue trigger: back-off, poison queues, outputs, doorbell, faults."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.functions.app.definitions import Binding, Function
from emulators.functions.app.settings import AppSettings
from emulators.functions.queue.backoff import PollBackoff
from emulators.functions.queue.doorbell import follow
from emulators.functions.queue.faults import Faults
from emulators.functions.queue.processor import poison_name
from emulators.functions.queue.service import (
    QueueAccess,
    QueueService,
    output_messages,
    valid_name,
)
from tests.emulators.functions.golden.queues.storage import CONNECTION, Storage
from tests.emulators.functions.golden.virtual_time import run


@given(st.floats(0.1, 60), st.integers(0, 2**32))
def test_waits_grow_to_the_maximum_and_never_beyond(maximum, seed):
    backoff = PollBackoff(maximum, random.Random(seed))
    waits = [backoff.next_delay() for _ in range(40)]
    assert all(0.1 <= wait <= maximum for wait in waits)
    assert (waits[0], waits[-1]) == (0.1, maximum)
    backoff.reset()
    assert backoff.next_delay() == 0.1


def test_waits_are_random():
    backoffs = [PollBackoff(60, random.Random(seed)) for seed in range(9)]
    assert len({tuple(b.next_delay() for _ in range(4)) for b in backoffs}) == 9


def test_poison_queues_have_no_poison_queue_of_their_own():
    assert poison_name("work") == "work-poison"
    assert poison_name("work-poison") == poison_name("w" * 60) == ""


@pytest.mark.parametrize("name", ["a", "bad_name", "A-b", "a--b", "-ab", "ab-", "a" * 64])
def test_no_queue_has_such_a_name(name):
    with pytest.raises(ValueError, match="cannot name a queue"):
        valid_name(name)


def test_an_output_array_is_split_and_an_object_is_not():
    assert output_messages({"kind": "json", "value": '["a", {"b": 1}]'}) == [b"a", b'{"b": 1}']
    assert output_messages({"kind": "string", "value": '["a"]'}) == [b'["a"]']


def test_the_doorbell_rings_for_whole_new_lines_only(tmp_path):
    path = tmp_path / "doorbell"
    path.write_text("old\n")

    async def listen():
        rung = asyncio.Queue()
        task = asyncio.create_task(follow(path, rung.put_nowait))
        await asyncio.sleep(0)
        with path.open("a") as file:
            file.write("plan\nsub")
        first = await rung.get()
        with path.open("a") as file:
            file.write("mit\n")
        second = await rung.get()
        task.cancel()
        return first, second

    assert asyncio.run(listen()) == ("plan", "submit")


def test_awkward_faults_are_repeatable_and_benign_ones_absent():
    def draws(seed):
        faults = Faults(random.Random(seed))
        return [faults.loses_delete() for _ in range(100)], faults.shuffled(list(range(20)))

    assert draws(1) == draws(1) != draws(2)
    assert any(draws(1)[0])
    assert not any(Faults().loses_delete() for _ in range(100))


def test_an_output_rings_only_where_waking_is_on():
    def rung(wake):
        storage = Storage()
        settings = AppSettings({"AzureWebJobsStorage": CONNECTION})
        service = QueueService(QueueAccess(settings, base64=True, wake=wake, transport=storage))
        heard = []
        service.on_message("results", lambda: heard.append("results"))
        out = Binding("out", "queue", {"queuename": "Results"})
        function = Function("f", "f", Binding("t", "timertrigger"), (out,))
        run(service.send_outputs(function, {"out": {"kind": "string", "value": "x"}}))
        return heard

    assert (rung(wake=True), rung(wake=False)) == (["results"], [])
