"""The doorbell names a queue when a message in it becomes visible, and never before."""

from pathlib import Path

import pytest
from azure.storage.queue import QueueServiceClient

from tests.emulators.storage.processes import Emulator, running, storage_flags
from tests.patience import until

LONG = "q" * 63


@pytest.fixture
def queue(storage, request):
    name = f"q{abs(hash(request.node.name)):x}"
    with QueueServiceClient.from_connection_string(storage.ready["connection_string"]) as service:
        yield service.create_queue(name)


def rings(storage: Emulator, queue) -> int:
    return Path(storage.ready["doorbell"]).read_text().splitlines().count(queue.queue_name)


def rung(storage: Emulator, queue, count: int) -> None:
    until(lambda: rings(storage, queue) == count, 20, f"ring {count}", closely=True)


def test_a_message_rings_before_its_sender_has_an_answer(storage, queue):
    queue.send_message("now")
    assert rings(storage, queue) == 1


def test_a_hidden_message_rings_when_a_receiver_can_have_it(storage, queue):
    queue.send_message("later", visibility_timeout=1)
    assert rings(storage, queue) == 0
    rung(storage, queue, 1)
    assert [message.content for message in queue.receive_messages()] == ["later"]


def test_a_message_that_nobody_deletes_rings_again(storage, queue):
    queue.send_message("again")
    message = queue.receive_message(visibility_timeout=1)
    rung(storage, queue, 2)
    queue.update_message(queue.receive_message(visibility_timeout=60), visibility_timeout=0)
    rung(storage, queue, 3)
    assert queue.receive_message().id == message.id


def test_an_empty_receive_rings_nothing(storage, queue):
    assert queue.receive_message(visibility_timeout=1) is None
    queue.send_message("one")
    assert rings(storage, queue) == 1


def test_the_doorbell_stays_small_and_is_empty_after_a_start(tmp_path):
    with running("storage", *storage_flags(tmp_path)) as storage:
        file = Path(storage.ready["doorbell"])
        with QueueServiceClient.from_connection_string(storage.ready["connection_string"]) as all_:
            queue = all_.create_queue(LONG)
            for _ in range(1_100):
                queue.send_message("x")
        assert 0 < file.stat().st_size < 64 * 1024 / 2
        assert set(file.read_text().splitlines()) == {LONG}
    with running("storage", *storage_flags(tmp_path)):
        assert file.read_bytes() == b""
