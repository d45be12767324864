"""A known nonce is found, a word is found, and "not found" is proven by what was searched."""

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.cli.samples import puzzle as samples
from task_scripts.key_search.answer import Searched, covered
from task_scripts.key_search.puzzle import Unusable, read
from task_scripts.key_search.split import ranges
from tests.workloads.programs import Done, Program, Start, parts_of

GENESIS = json.loads(samples.genesis())
NONCE = 2_083_236_893
HASH = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
WORD = {
    "kind": "sha256-word", "digest": hashlib.sha256(b"fan").hexdigest(),
    "alphabet": "abcdefghijklmnopqrstuvwxyz", "length": 3, "from": 0, "to": 26**3,
}  # fmt: skip


@pytest.fixture
def search(program: Start) -> Program:
    return program("key_search")


def written(folder: Path, puzzle: object) -> Path:
    path = folder / "puzzle.json"
    path.write_text(json.dumps(puzzle))
    return path


def searched(search: Program, puzzle: Path, count: int) -> list[Done]:
    items = search("split", "--puzzle", puzzle, "--ranges", count, "--output", "{output}")
    assert len(items.json("items.json")) == count
    return [
        search("search", "--puzzle", puzzle, "--start", given["start"], "--end", given["end"],
               "--output", "{output}")
        for given in (item["parameters"] for item in items.json("items.json"))
    ]  # fmt: skip


def answered(search: Program, puzzle: Path, done: list[Done]) -> Done:
    parts = parts_of(search.folder, done)
    return search("answer", "--puzzle", puzzle, "--parts", parts, "--output", "{output}")


def test_the_nonce_of_the_first_block_is_found_in_a_window(search):
    puzzle = written(search.folder, GENESIS | {"from": NONCE - 5000, "to": NONCE + 5000})
    told = answered(search, puzzle, searched(search, puzzle, 4)).json("answer.json")
    assert told["verdict"] == "found"
    assert told["found"] == {"key": NONCE, "nonce": NONCE, "hash": HASH}
    assert told["tried"] < 10_000


def test_a_window_without_the_nonce_is_reported_as_a_window(search):
    puzzle = written(search.folder, GENESIS | {"from": NONCE + 1, "to": NONCE + 2000})
    told = answered(search, puzzle, searched(search, puzzle, 3)).json("answer.json")
    assert told["verdict"] == "not found in the window"
    assert told["window"] == {"from": NONCE + 1, "to": NONCE + 2000, "is_whole": False}
    assert (told["found"], told["tried"]) == (None, 1999)


def test_a_word_is_found_and_a_search_of_all_words_proves_that_there_is_none(search):
    puzzle = written(search.folder, WORD)
    told = answered(search, puzzle, searched(search, puzzle, 3)).json("answer.json")
    assert told["found"]["word"] == "fan"
    puzzle = written(search.folder, WORD | {"digest": hashlib.sha256(b"FAN").hexdigest()})
    told = answered(search, puzzle, searched(search, puzzle, 3)).json("answer.json")
    assert told["verdict"] == "not found in all keys"


def test_a_range_that_is_missing_leaves_no_answer(search):
    puzzle = written(search.folder, WORD | {"digest": "00" * 32})
    done = searched(search, puzzle, 4)
    told = answered(search, puzzle, [done[0], *done[2:]])
    assert told.code == 1
    assert "keys from 4394 on were not searched" in told.said


def test_a_hit_that_is_none_is_not_believed(search):
    puzzle = written(search.folder, WORD)
    (done,) = searched(search, puzzle, 1)
    (done.output / "range.json").write_text('{"start": 0, "end": 8, "hit": 7}')
    told = answered(search, puzzle, [done])
    assert told.code == 1
    assert "key 7 fits, but its hash does not" in told.said


@pytest.mark.parametrize(("size", "count"), [(10, 3), (7, 7), (3, 50), (300_000, 64)])
def test_ranges_tile_the_window(size, count):
    made = list(ranges(5, 5 + size, count))
    assert len(made) == min(size, count)
    assert [start for start, _ in made] == [5, *(end for _, end in made[:-1])]
    assert made[-1][1] == 5 + size
    assert max(e - s for s, e in made) - min(e - s for s, e in made) <= 1


def test_ranges_after_the_first_hit_are_not_needed():
    assert covered([Searched(0, 5, None), Searched(5, 8, 7)], 0, 100) == 7


@pytest.mark.parametrize(
    ("ranges", "reason"),
    [
        ([(0, 5, None), (6, 10, None)], "keys from 5 on"),
        ([(0, 5, None), (4, 10, None)], "searched twice"),
        ([(0, 5, None), (6, 10, 9)], "keys from 5 on"),
        ([(0, 5, None)], "keys from 5 on"),
        ([], "keys from 0 on"),
    ],
)
def test_a_gap_or_an_overlap_is_no_cover(ranges, reason):
    with pytest.raises(Unusable, match=reason):
        covered([Searched(*one) for one in ranges], 0, 10)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"kind": "md5"}, "`kind` has to be one of"),
        ({"kind": ["x"]}, "`kind` has to be one of"),
        ({"header": "00" * 79}, "80 bytes"),
        ({"header": "xy"}, "not hexadecimal"),
        ({"from": -1}, "`from` has to be a whole number"),
        ({"from": True}, "`from` has to be a whole number"),
        ({"to": 2**32 + 1}, "`to` has to be a whole number"),
        ({"to": 2_083_000_000}, "`to` has to be a whole number"),
        ({"shell": "rm"}, "has no 'shell'"),
    ],
)
def test_a_puzzle_that_cannot_be_searched_is_refused_with_its_reason(tmp_path, changed, reason):
    with pytest.raises(Unusable, match=reason):
        read(written(tmp_path, GENESIS | changed))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"digest": "00"}, "SHA-256"),
        ({"alphabet": "aa"}, "different characters"),
        ({"length": 17}, "`length` has to be"),
        ({"length": 16}, "shorten"),
    ],
)
def test_words_that_cannot_be_searched_are_refused_with_their_reason(tmp_path, changed, reason):
    with pytest.raises(Unusable, match=reason):
        read(written(tmp_path, WORD | changed))


def test_the_split_ends_with_the_reason(search):
    puzzle = search.folder / "puzzle.json"
    puzzle.write_text("[" * 50_000)
    done = search("split", "--puzzle", puzzle, "--output", "{output}")
    assert done.code == 1
    assert done.said.startswith("The puzzle was refused: ")
    assert "Traceback" not in done.said
