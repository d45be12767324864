"""JSON of strangers, as every emulator reads it."""

import json

import pytest

from emulators._json import parse_json

KINDS = b'{"a": [1, -2.5, 1e308, true, null, "\\u00fc \\u0000"]}'


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (KINDS, {"a": [1, -2.5, 1e308, True, None, "ü \0"]}),
        (b"9" * 400, int("9" * 400)),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b"[" * 900 + b"1" + b"]" * 900, None),
    ],
    ids=["of every kind", "a large number", "a pair of surrogates", "deep but not too deep"],
)
def test_json_is_read_and_can_be_written_again(raw, value):
    found = parse_json(raw)
    assert value is None or found == value
    assert json.loads(json.dumps([found])) == [found]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b"NaN",
        b"[-Infinity]",
        b"1e999",
        b"9" * 5_000,
        b'{"a": "\\ud800"}',
        b'{"\\udcff": 1}',
    ],
)
def test_what_cannot_be_written_again_is_refused_in_a_few_words(raw):
    with pytest.raises(ValueError) as caught:
        parse_json(raw)
    assert len(str(caught.value)) < 200
    assert "sys." not in str(caught.value)
