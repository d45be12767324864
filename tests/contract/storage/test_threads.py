"""What the engine relies on when threads of one process share the services."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict
from pipeline.ports.tables import Insert, Replace, Row
from tests.contract.conftest import Services

AT_ONCE = 8


@pytest.fixture(autouse=True)
def _impatient():
    """Let Python change threads a thousand times as often as it does, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 1000)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def names(world, fresh):
    """Return names: many in memory, where a race is rare, and few where a call takes long."""
    count = 24 if isinstance(world, Services) else 400
    return [f"{fresh}-{number:04d}" for number in range(count)]


def done(call, arguments):
    """Call with each argument, several at once; return the answers of those without a conflict."""

    def tried(argument):
        try:
            return [call(argument)]
        except Conflict:
            return []

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [answer for answers in pool.map(tried, arguments) for answer in answers]


def test_a_list_is_right_after_blobs_were_written_and_deleted_at_once(ports, names):
    refs = [BlobRef("work", name) for name in names]
    done(lambda ref: ports.writer.write(ref, b"x"), refs)
    done(ports.writer.delete, refs[::2] + refs[::2])
    assert [facts.ref for facts in ports.blobs.list("work", names[0][:5])] == refs[1::2]


def test_one_of_those_that_create_a_blob_at_once_wins(ports, names):
    refs = [BlobRef("work", name) for name in names for _ in range(4)]
    assert len(done(lambda ref: ports.writer.write(ref, b"x", "*"), refs)) == len(names)


def test_one_of_those_that_upload_a_new_blob_at_once_wins(ports, names):
    refs = [BlobRef("work", name) for name in names for _ in range(4)]
    uploads = done(lambda ref: ports.writer.upload(ref, [b"x"], only_new=True), refs)
    assert len(uploads) == len(names)


def test_one_of_those_that_replace_a_row_at_once_wins(ports, names):
    for name in names:
        ports.tables.transact("runs", name, [Insert(Row(name, "key", {"by": -1}))])
    rows = [ports.tables.get("runs", name, "key") for name in names for _ in range(4)]
    replaced = [Replace(Row(row.partition, "key", {"by": 1}, row.etag)) for row in rows]
    won = done(lambda one: ports.tables.transact("runs", one.row.partition, [one]), replaced)
    assert len(won) == len(names)


def test_each_message_is_received_by_one(ports, queue, names):
    done(lambda name: ports.queues.send(queue, name), names)
    received = done(lambda _: ports.queues.receive(queue, 4), range(len(names)))
    assert sorted(message.body for some in received for message in some) == names
