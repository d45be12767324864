"""What the engine relies on in queues."""

from datetime import timedelta

import pytest

from pipeline.errors import NotFound, Permanent, Transient


def bodies(messages):
    return [message.body for message in messages]


def test_a_message_arrives_as_it_was_sent(ports, queue):
    ports.queues.send(queue, '{"ü": "中 <&>"}')
    [message] = ports.queues.receive(queue, 1)
    assert message.body == '{"ü": "中 <&>"}'
    assert message.dequeue_count == 1


def test_a_received_message_is_hidden(ports, queue):
    ports.queues.send(queue, "a")
    ports.queues.receive(queue, 1)
    assert ports.queues.receive(queue, 10) == []


def test_a_look_leaves_messages_as_they_are(ports, queue):
    for body in ("a", "b", "c"):
        ports.queues.send(queue, body)
    looked = ports.queues.peek(queue, 2)
    assert [(m.body, m.receipt, m.dequeue_count) for m in looked] == [("a", "", 0), ("b", "", 0)]
    assert [m.id for m in ports.queues.peek(queue, 2)] == [m.id for m in looked]
    assert bodies(ports.queues.receive(queue, 10)) == ["a", "b", "c"]


def test_a_look_sees_the_first_32_visible_messages(ports, queue):
    for number in range(34):
        ports.queues.send(queue, str(number))
    assert bodies(ports.queues.peek(queue, 1000)) == [str(number) for number in range(32)]
    ports.queues.receive(queue, 33)
    assert bodies(ports.queues.peek(queue, 1000)) == ["33"]
    assert ports.queues.peek(queue, 0) == []


def test_many_messages_come_in_one_call_up_to_the_limit(ports, queue):
    for number in range(40):
        ports.queues.send(queue, str(number))
    first = ports.queues.receive(queue, 35)
    rest = ports.queues.receive(queue, 1000)
    assert (len(first), len(rest)) == (35, 5)
    assert {*bodies(first), *bodies(rest)} == {str(number) for number in range(40)}


def test_no_messages_are_received_with_a_limit_of_zero(ports, queue):
    ports.queues.send(queue, "a")
    assert ports.queues.receive(queue, 0) == []


def test_a_deleted_message_does_not_come_back(ports, queue):
    ports.queues.send(queue, "a")
    [message] = ports.queues.receive(queue, 1)
    ports.queues.delete(queue, message)
    ports.queues.delete(queue, message)
    assert ports.queues.receive(queue, 1) == []


def test_a_hidden_message_can_be_deleted_by_what_its_sender_was_given(ports, queue):
    sent = ports.queues.send(queue, "a", timedelta(minutes=1))
    ports.queues.delete(queue, sent)
    ports.queues.delete(queue, sent)


def test_a_message_that_somebody_received_outlives_its_sender(world, ports, queue):
    sent = ports.queues.send(queue, "a")
    [received] = ports.queues.receive(queue, 1)
    ports.queues.delete(queue, sent)
    world.show_again(queue, received)
    assert bodies(ports.queues.receive(queue, 1)) == ["a"]


def test_a_message_that_was_received_again_outlives_a_late_delete(world, ports, queue):
    ports.queues.send(queue, "a")
    [first] = ports.queues.receive(queue, 1)
    world.show_again(queue, first)
    [second] = ports.queues.receive(queue, 1)
    assert (second.id, second.dequeue_count) == (first.id, 2)
    ports.queues.delete(queue, first)
    world.show_again(queue, second)
    assert bodies(ports.queues.receive(queue, 1)) == ["a"]


def test_a_delayed_message_is_not_there_yet(ports, queue):
    ports.queues.send(queue, "later", timedelta(minutes=1))
    assert ports.queues.receive(queue, 1) == []


def test_a_message_too_large_for_base64_in_64_kib_is_refused(ports, queue):
    ports.queues.send(queue, "x" * 49_152)
    with pytest.raises(Permanent):
        ports.queues.send(queue, "x" * 49_153)


def test_to_send_to_a_missing_queue_may_succeed_later(ports):
    with pytest.raises(Transient, match=r"no queue nonesuch.*`fanfare doctor`"):
        ports.queues.send("nonesuch", "a")


def test_a_missing_queue_is_not_found(ports):
    with pytest.raises(NotFound):
        ports.queues.receive("nonesuch", 1)
    with pytest.raises(NotFound):
        ports.queues.peek("nonesuch", 1)
