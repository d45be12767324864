"""The reader of an outbox that is written, cut, moved or damaged at the same time."""

import asyncio
import json

import pytest

from emulators.eventgrid import outbox as outbox_module
from emulators.eventgrid.outbox import Outbox, Position, follow
from tests.patience import stretched


def line(number):
    return json.dumps({"n": number}) + "\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.jsonl"


@pytest.fixture
def outbox(path):
    reader = Outbox(path, Position())
    yield reader
    reader.close()


def take(outbox):
    lines, position = outbox.read()
    outbox.advance(position)
    return [item["n"] for item in lines]


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def test_a_missing_file_is_an_empty_one(outbox):
    assert take(outbox) == []
    assert outbox.drained()


def test_lines_are_read_once_and_new_ones_follow(outbox, path):
    append(path, line(1) + line(2))
    assert take(outbox) == [1, 2]
    append(path, line(3))
    assert not outbox.drained()
    assert take(outbox) == [3]
    assert outbox.drained()


def test_a_line_still_being_written_waits_for_its_end(outbox, path):
    append(path, line(1) + '{"n":')
    assert take(outbox) == [1]
    assert outbox.drained()
    append(path, " 2}\n")
    assert take(outbox) == [2]


def test_without_advance_the_same_lines_come_again(outbox, path):
    append(path, line(1))
    assert outbox.read()[0] == outbox.read()[0] == [{"n": 1}]


def test_a_saved_position_survives_a_restart(outbox, path):
    append(path, line(1))
    saved = outbox.read()[1].dump()
    append(path, line(2))
    again = Outbox(path, Position.load(saved))
    assert take(again) == [2]
    again.close()


def test_a_moved_file_is_read_to_its_end_before_its_successor(outbox, path):
    append(path, line(1))
    assert take(outbox) == [1]
    append(path, line(2))
    path.rename(path.with_suffix(".old"))
    append(path, line(3))
    assert take(outbox) == [2]
    assert not outbox.drained()
    assert take(outbox) == [3]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(outbox_module, "LARGE_BYTES", len(line(1)))


@pytest.mark.usefixtures("small")
def test_a_large_file_is_moved_away_once_it_is_read(outbox, path):
    append(path, line(1) + line(2) + line(3))
    outbox.retire()
    assert path.exists(), "nobody has read it"
    assert take(outbox) == [1, 2, 3]
    outbox.retire()
    assert not path.exists()
    outbox.retire()  # as whenever something else changes in the folder, and there is no file yet
    append(path, line(4))
    assert take(outbox) == [4]


@pytest.mark.usefixtures("small")
def test_whoever_follows_an_outbox_follows_it_beyond_the_file_that_was_moved_away(outbox, path):
    async def listen():
        taken = asyncio.Queue()
        task = asyncio.create_task(
            follow(outbox, lambda lines, _: [taken.put_nowait(one["n"]) for one in lines])
        )
        append(path, line(1) + line(2) + line(3))
        first = [await taken.get() for _ in range(3)]
        while path.exists():
            await asyncio.sleep(0)
        path.with_name("doorbell").touch()  # something else in the folder
        append(path, line(4))
        return [*first, await asyncio.wait_for(taken.get(), stretched(20))], task.done()

    assert asyncio.run(listen()) == ([1, 2, 3, 4], False)


@pytest.mark.usefixtures("small")
def test_a_line_that_comes_while_the_file_is_moved_is_read_also_after_a_restart(outbox, path):
    append(path, line(1) + line(2))
    take(outbox)
    outbox.retire()
    append(path.with_name("outbox.jsonl.old"), line(3))
    append(path, line(4))
    again = Outbox(path, outbox._position)
    assert [take(again), take(again)] == [[3], [4]]
    again.close()
    assert [take(outbox), take(outbox)] == [[3], [4]]


def test_a_truncated_file_is_read_from_its_start(outbox, path):
    append(path, line(1) + line(2))
    take(outbox)
    path.write_text(line(3))
    assert take(outbox) == [3]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("garbage", ["half a li\n", "[1]\n", "\n", "\xff\n"])
def test_a_damaged_line_is_skipped(outbox, path, garbage):
    append(path, garbage + line(1))
    assert take(outbox) == [1]
