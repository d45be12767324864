"""Which events pass which filter."""

import pytest

from emulators.eventgrid.events import Event, Schema
from emulators.eventgrid.filters import OPERATORS, BadFilter, parse_filter, passes

BODY = {
    "id": "1",
    "topic": "t",
    "subject": "/containers/In/blobs/a.MP4",
    "eventType": "Created",
    "data": {
        "size": 10,
        "zero": 0,
        "hot": True,
        "name": "Film.mp4",
        "nothing": None,
        "tags": ["Red", "blue"],
        "deep": {"er": 5},
        "text": "10",
    },
}

CASES = [
    ("NumberIn", "data.size", [1, 10], True),
    ("NumberIn", "data.size", [1, 2], False),
    ("NumberIn", "data.text", [10], False),
    ("NumberIn", "data.hot", [1], False),
    ("NumberNotIn", "data.size", [1], True),
    ("NumberNotIn", "data.size", [10], False),
    ("NumberNotIn", "data.gone", [10], True),
    ("NumberLessThan", "data.size", 11, True),
    ("NumberLessThan", "data.size", 10, False),
    ("NumberLessThanOrEquals", "data.size", 10, True),
    ("NumberGreaterThan", "data.size", 9.5, True),
    ("NumberGreaterThan", "data.zero", 0, False),
    ("NumberGreaterThan", "data.gone", 0, False),
    ("NumberGreaterThanOrEquals", "data.size", 10, True),
    ("NumberInRange", "data.size", [[1, 2], [10, 20]], True),
    ("NumberInRange", "data.size", [[11, 20]], False),
    ("NumberNotInRange", "data.size", [[11, 20]], True),
    ("NumberNotInRange", "data.size", [[1, 20]], False),
    ("BoolEquals", "data.hot", True, True),
    ("BoolEquals", "data.hot", False, False),
    ("BoolEquals", "data.size", True, False),
    ("StringContains", "data.name", ["x", "FILM"], True),
    ("StringContains", "data.name", ["x"], False),
    ("StringNotContains", "data.name", ["x"], True),
    ("StringNotContains", "data.name", ["film"], False),
    ("StringNotContains", "data.gone", ["x"], True),
    ("StringBeginsWith", "data.name", ["film"], True),
    ("StringNotBeginsWith", "data.name", ["film"], False),
    ("StringEndsWith", "subject", [".mp4"], True),
    ("StringNotEndsWith", "subject", [".mp4"], False),
    ("StringIn", "data.name", ["film.MP4"], True),
    ("StringIn", "data.size", ["10"], False),
    ("StringIn", "data.tags", ["red"], False),
    ("StringNotIn", "data.name", ["other"], True),
    ("StringNotIn", "data.name", ["film.mp4"], False),
    ("IsNullOrUndefined", "data.nothing", None, True),
    ("IsNullOrUndefined", "data.gone", None, True),
    ("IsNullOrUndefined", "data.zero", None, False),
    ("IsNotNull", "data.zero", None, True),
    ("IsNotNull", "data.deep.er", None, True),
    ("IsNotNull", "data.name.deeper", None, False),
]


def verdict(arm, body=BODY, schema=Schema.EVENT_GRID):
    return passes(parse_filter(arm), Event(schema, body))


def advanced(operator, key, wanted):
    item = {"operatorType": operator, "key": key}
    if wanted is not None:
        item["values" if isinstance(wanted, list) else "value"] = wanted
    return item


@pytest.mark.parametrize(("operator", "key", "wanted", "expected"), CASES)
def test_an_operator_holds_or_not(operator, key, wanted, expected):
    assert verdict({"advancedFilters": [advanced(operator, key, wanted)]}) is expected


def test_every_operator_has_a_case():
    assert {case[0] for case in CASES} == set(OPERATORS)


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [("StringIn", ["RED"], True), ("StringIn", ["green"], False), ("StringNotIn", ["blue"], False)],
)
def test_arrays_are_looked_into_when_enabled(operator, values, expected):
    filters = [advanced(operator, "data.tags", values)]
    arm = {"advancedFilters": filters, "enableAdvancedFilteringOnArrays": True}
    assert verdict(arm) is expected


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        ({}, True),
        ({"includedEventTypes": ["Created"]}, True),
        ({"includedEventTypes": ["Deleted"]}, False),
        ({"subjectBeginsWith": "/CONTAINERS/in"}, True),
        ({"subjectBeginsWith": "/containers/in", "isSubjectCaseSensitive": True}, False),
        ({"subjectEndsWith": ".mp4"}, True),
        ({"subjectEndsWith": "*.mp4"}, False),
        ({"includedEventTypes": ["Created"], "subjectEndsWith": ".avi"}, False),
    ],
)
def test_type_and_subject_are_filtered(arm, expected):
    assert verdict(arm) is expected


def test_filters_are_and_while_values_are_or():
    first = advanced("NumberIn", "data.size", [1, 10])
    second = advanced("StringBeginsWith", "data.name", ["nope"])
    assert verdict({"advancedFilters": [first]})
    assert not verdict({"advancedFilters": [first, second]})


def test_a_cloud_event_is_filtered_by_its_own_names():
    body = {"id": "1", "source": "s", "type": "run.done", "specversion": "1.0"}
    arm = {"includedEventTypes": ["run.done"]}
    assert verdict(arm, body, Schema.CLOUD)


@pytest.mark.parametrize(
    "item",
    [
        {"operatorType": "Sounds", "key": "data.x", "values": ["y"]},
        {"operatorType": "StringIn", "key": "data.x"},
        {"operatorType": "StringIn", "values": ["x"]},
        {"operatorType": "StringIn", "key": "data.x", "values": [1]},
        {"operatorType": "NumberIn", "key": "data.x", "values": ["1"]},
        {"operatorType": "NumberInRange", "key": "data.x", "values": [1]},
        {"operatorType": "StringIn", "key": "data.x", "values": ["x"] * 26},
    ],
)
def test_what_azure_would_refuse_is_refused(item):
    with pytest.raises(BadFilter):
        parse_filter({"advancedFilters": [item]})
