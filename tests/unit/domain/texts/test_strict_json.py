import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.texts.strict_json import NotJson, parse
from tests.unit.domain.quick import quick

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@quick
@given(VALUES, st.booleans())
def test_json_is_read_as_it_was_written(value, escaped):
    assert parse(json.dumps(value, ensure_ascii=escaped).encode()) == value


def test_a_byte_order_mark_is_skipped():
    assert parse(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NaN", "NaN is not JSON"),
        ('{"x": -Infinity}', "-Infinity is not JSON"),
        ("1e999", "double cannot hold 1e999"),
        ("-1e-999", "double cannot hold -1e-999"),
        ("9" * 310, "a number of 310 digits"),
        ('{"a": 1, "b": 2, "a": 3}', "key 'a' twice"),
        ('"\\ud800"', "surrogate"),
        ("[" * 100_000, "too deeply"),
        ("", "Expecting value"),
        ("[1] 2", "Extra data"),
    ],
)
def test_what_readers_take_for_different_things_is_refused(text, said):
    with pytest.raises(NotJson, match=said):
        parse(text.encode())


def test_bytes_that_are_not_utf_8_are_no_json():
    with pytest.raises(NotJson, match="can't decode"):
        parse("[1]".encode("utf-16"))


@pytest.mark.parametrize("text", ["0.0", "0e-999", "-0.0", "1e308", "5e-324"])
def test_numbers_that_a_double_holds_are_numbers(text):
    assert parse(text.encode()) == float(text)
