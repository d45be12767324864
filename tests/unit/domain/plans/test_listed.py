import json

import pytest

from pipeline.domain.plans.listed import (
    Entry,
    entries_of_csv,
    entries_of_json,
    items_from_program,
)
from pipeline.domain.plans.split import PlanError
from pipeline.domain.texts import records
from pipeline.domain.texts.fields import Fields


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
        ('[{"parameters": {"x": 1e999}}]', "double cannot hold"),
        ('[{"parameters": {"x": "\\ud800"}}]', "surrogate"),
        ('[{"parameters": {"x": "\\u0000"}}]', "NUL"),
        ('[{"parameters": {"y": 1}}]', "parameter x is missing"),
    ],
)
def test_items_of_a_program_are_not_trusted(text, said):
    expected = ("x",) if "missing" in said else ()
    with pytest.raises(PlanError, match=said):
        list(items_from_program(text, expected))


def test_a_json_manifest_lists_blobs_parameters_or_both():
    assert list(entries_of_json('["a.txt", {"blob": "b.txt"}]', (), blobs=True)) == [
        Entry({}, "a.txt"),
        Entry({}, "b.txt"),
    ]
    text = '[{"blob": "a", "n": 1, "on": true}]'
    assert list(entries_of_json(text, ("n", "on"), blobs=True)) == [
        Entry({"n": 1, "on": True}, "a")
    ]
    assert list(entries_of_json('[{"n": 1}]', ("n",), blobs=False)) == [Entry({"n": 1})]


def rows(text):
    return records.rows([text.encode()], Fields())


def test_a_csv_manifest_names_the_parameters_in_its_header():
    text = 'n,blob\n007,"a, b.txt"\n\n8,c\n'
    assert list(entries_of_csv(rows(text), Fields(), ("n",), blobs=True)) == [
        Entry({"n": "007"}, "a, b.txt"),
        Entry({"n": "8"}, "c"),
    ]


@pytest.mark.parametrize(
    ("text", "blobs", "said"),
    [
        ("{}", True, "the manifest is not a list"),
        ('[{"n": 1, "blob": "a"}', True, "the manifest is not JSON"),
        ("[1]", True, "entry 0: it is neither a blob's name nor an object"),
        ('["a", {"n": 1}]', True, "entry 0: parameter n is missing"),
        ('[{"n": 1}]', True, "entry 0: 'blob' must be a blob's name"),
        ('[{"n": 1, "blob": "a"}]', False, "no `container` to look in"),
        ('[{"n": 1, "m": 2}]', False, "'m' is not in the split's `parameters`"),
        ('[{"n": 1}, {"n": [1]}]', False, "entry 1, n: not text"),
        ('[{"n": 1, "n": 2}]', False, "the key 'n' twice"),
        ('[{"n": "\\u0000"}]', False, "NUL"),
    ],
)
def test_a_json_manifest_is_not_trusted(text, blobs, said):
    with pytest.raises(PlanError, match=said):
        list(entries_of_json(text, ("n",), blobs=blobs))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n,n\n1,2\n", "names a column twice"),
        ("n\n1\n1,2\n", "row 1 at byte 4: it has 2 fields, but the header has 1"),
        ("n,m\n1,2\n", "'m' is not in"),
        ("m\n1\n", "'m' is not in"),
    ],
)
def test_a_csv_manifest_is_not_trusted(text, said):
    with pytest.raises(PlanError, match=said):
        list(entries_of_csv(rows(text), Fields(), ("n",), blobs=False))
