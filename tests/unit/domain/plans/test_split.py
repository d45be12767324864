import json
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.plans.split import (
    MAX_ITEMS,
    PlanError,
    items_from_program,
    split_blobs,
    split_grid,
    split_lines,
    split_range,
    split_whole,
)
from tests.depth import more
from tests.unit.domain.quick import quick


@quick
@given(st.integers(-1000, 1000), st.integers(1, 2000), st.integers(1, 300))
def test_a_range_is_covered_once_and_in_order(start, length, step):
    items = list(split_range(start, start + length, step))
    covered = [n for item in items for n in range(item.parameters["start"], item.parameters["end"])]
    assert covered == list(range(start, start + length))
    assert [item.id for item in items] == [item.parameters["index"] for item in items]
    assert [item.id for item in items] == list(range(len(items)))


def test_a_grid_keeps_the_order_of_its_axes():
    items = split_grid({"radius": [1, 2], "load": ["a", "b"]})
    assert [tuple(item.parameters.values()) for item in items] == [
        (1, "a"), (1, "b"), (2, "a"), (2, "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (lambda: split_range(0, MAX_ITEMS + 1, 1), "yields 1,000,001 items"),
        (lambda: split_range(0, 10**17, 1), "make the items larger"),
        (lambda: split_range(5, 5, 1), "is empty"),
        (lambda: split_range(0, 5, 0), "at least 1"),
        (lambda: split_grid({"a": range(2000), "b": range(2000)}), "4,000,000 items"),
        (lambda: split_grid({"a": [1], "b": []}), "no values"),
        (lambda: split_lines("\n \r\n"), "no lines"),
        (lambda: split_lines("a", lines_per_item=0), "at least 1"),
        (lambda: split_lines("a\0b"), "NUL"),
        (lambda: split_lines("x" * 40_000), "longer than 32,768"),
        (
            lambda: split_lines("long line\n" * 9000, lines_per_item=5000),
            "use fewer lines_per_item",
        ),
        (lambda: split_blobs([]), "no blob matches"),
    ],
)
def test_an_impossible_split_says_why(split, said):
    with pytest.raises(PlanError, match=said):
        list(split())


@pytest.mark.parametrize("split", [split_blobs, split_lines])
def test_too_many_items_are_refused_where_nobody_could_count_before(split, monkeypatch):
    most = more(1_000, MAX_ITEMS)
    monkeypatch.setattr("pipeline.domain.plans.split.MAX_ITEMS", most)
    with pytest.raises(PlanError, match=f"more than {most:,} items: make the items larger"):
        deque(split("a\n" if split is split_lines else "a" for _ in range(most + 1)), 0)


@quick
@given(st.text("a\n\r\ufeffü ", max_size=40), st.integers(1, 7))
def test_lines_are_the_same_in_whatever_pieces_a_text_comes(text, size):
    text += "x"
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    found = [item.parameters["line"] for item in split_lines(pieces)]
    assert found == [line for line in lines if line.strip()]


def test_each_blob_is_an_item_with_its_own_input():
    name = "$(touch x);'\"..%2f ü 名.mp4"
    assert [item.inputs for item in split_blobs(["b", name])] == [("b",), (name,)]


def test_the_input_as_a_whole_is_one_item():
    (item,) = split_whole()
    assert (item.id, item.parameters, item.inputs) == (0, {}, ())


def test_lines_drop_empty_ones_the_header_and_the_byte_order_mark():
    items = split_lines("\ufeffname\r\nä\r\n\r\nb\x0cc\n", skip_header=True)
    assert [item.parameters for item in items] == [{"line": "ä"}, {"line": "b\x0cc"}]


@quick
@given(
    st.lists(st.text(st.characters(codec="ascii", min_codepoint=33)), max_size=30),
    st.integers(2, 7),
)
def test_grouped_lines_give_back_the_lines(lines, size):
    wanted = [line for line in lines if line]
    if not wanted:
        return
    items = split_lines("\n".join(lines), lines_per_item=size)
    assert "\n".join(item.parameters["lines"] for item in items).split("\n") == wanted


def test_items_of_a_program_are_read():
    text = json.dumps([{"parameters": {"key": "ä", "n": 1, "x": 0.5, "on": True}}, {}])
    assert [item.parameters for item in items_from_program(text)] == [
        {"key": "ä", "n": 1, "x": 0.5, "on": True},
        {},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[" + "9" * 5000 + "]", "not JSON"),
        ('[{"parameters": {"x": NaN}}]', "NaN is not JSON"),
        ("{}", "not a list"),
        ("[]", "nothing to do"),
        ("[{}", "not JSON"),
        ("[{},]", "not JSON"),
        ("[{} {}]", "not JSON"),
        ("[{}] {}", "not JSON"),
        ("[1]", "item 0: expected"),
        ('[{"parameters": {}, "inputs": []}]', "item 0: expected"),
        ('[{"parameters": []}]', "not an object"),
        ('[{"parameters": {"input": 1}}]', "'input' cannot be"),
        ('[{"parameters": {"a b": 1}}]', "'a b' cannot be"),
        ('[{"parameters": {"x": [1]}}]', "item 0, x: not text"),
        ('[{"parameters": {"x": 1e999}}]', "item 0, x: not text"),
        ('[{"parameters": {"x": "\\u0000"}}]', "NUL"),
        ('[{"parameters": {"y": 1}}]', "parameter x is missing"),
    ],
)
def test_items_of_a_program_are_not_trusted(text, said):
    expected = ("x",) if "missing" in said else ()
    with pytest.raises(PlanError, match=said):
        list(items_from_program(text, expected))
