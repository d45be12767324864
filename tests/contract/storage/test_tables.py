"""What the engine relies on in Table Storage."""

from datetime import UTC, datetime

import pytest

from pipeline.errors import Conflict, NotFound, Permanent, TransactionConflict
from pipeline.ports.tables import Insert, Remove, Replace, Row

VALUES = {
    "text": "ü, 中, ' and %27",
    "empty": "",
    "number": 7,
    "large": 2**40,
    "negative": -1,
    "share": 1.0,
    "yes": True,
    "at": datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC),
}


@pytest.fixture
def put(ports, fresh):
    """Return a function that inserts rows by key and returns the first."""

    def put(*keys, **values):
        ports.tables.transact("runs", fresh, [Insert(Row(fresh, key, values)) for key in keys])
        return ports.tables.get("runs", fresh, keys[0])

    return put


def keys(ports, partition, *bounds):
    return [row.key for row in ports.tables.query("runs", partition, *bounds)]


def test_a_row_comes_back_with_values_and_types_as_written(ports, fresh, put):
    row = put("a", **VALUES)
    assert row.values == VALUES
    assert [type(value) for value in row.values.values()] == [type(v) for v in VALUES.values()]
    assert (row.partition, row.key) == (fresh, "a")


def test_a_row_that_is_not_there_is_none(ports, fresh):
    assert ports.tables.get("runs", fresh, "it's %27 gone") is None


def test_inserting_a_row_twice_conflicts_and_changes_nothing(ports, fresh, put):
    before = put("a", n=1)
    with pytest.raises(TransactionConflict):
        ports.tables.transact("runs", fresh, [Insert(Row(fresh, "a", {"n": 2}))])
    assert ports.tables.get("runs", fresh, "a") == before


def test_replacing_returns_the_new_etag_and_drops_old_values(ports, fresh, put):
    old = put("a", n=1, other="x")
    changed = Row(fresh, "a", {"n": 2}, old.etag)
    [etag] = ports.tables.transact("runs", fresh, [Replace(changed)])
    assert ports.tables.get("runs", fresh, "a") == Row(fresh, "a", {"n": 2}, etag)


def test_replacing_with_an_old_etag_conflicts(ports, fresh, put):
    old = put("a", n=1)
    ports.tables.transact("runs", fresh, [Replace(Row(fresh, "a", {"n": 2}, old.etag))])
    with pytest.raises(TransactionConflict):
        ports.tables.transact("runs", fresh, [Replace(Row(fresh, "a", {"n": 3}, old.etag))])


def test_replacing_a_row_that_is_gone_conflicts(ports, fresh, put):
    old = put("a", n=1)
    ports.tables.transact("runs", fresh, [Remove("a")])
    with pytest.raises(Conflict):
        ports.tables.transact("runs", fresh, [Replace(old)])


def test_removing_twice_is_fine(ports, fresh, put):
    put("a")
    assert ports.tables.transact("runs", fresh, [Remove("a")]) == [""]
    assert ports.tables.transact("runs", fresh, [Remove("a")]) == [""]


def test_a_transaction_applies_as_a_whole_and_returns_etags_in_order(ports, fresh, put):
    old = put("a", "b", n=1)
    changes = [Insert(Row(fresh, "c", {})), Remove("b"), Replace(Row(fresh, "a", {}, old.etag))]
    made, removed, replaced = ports.tables.transact("runs", fresh, changes)
    assert keys(ports, fresh) == ["a", "c"]
    assert removed == ""
    assert ports.tables.get("runs", fresh, "c").etag == made
    assert ports.tables.get("runs", fresh, "a").etag == replaced


@pytest.mark.parametrize("bad", ["insert", "replace", "remove"])
def test_a_failing_transaction_names_the_operation_and_applies_nothing(ports, fresh, put, bad):
    put("a", n=1)
    operation = {
        "insert": Insert(Row(fresh, "a", {})),
        "replace": Replace(Row(fresh, "a", {}, "W/\"datetime'2020-01-01T00%3A00%3A00Z'\"")),
        "remove": Remove("gone"),
    }[bad]
    group = [Insert(Row(fresh, "x", {})), Insert(Row(fresh, "y", {})), operation]
    with pytest.raises(TransactionConflict) as caught:
        ports.tables.transact("runs", fresh, group)
    assert caught.value.index == 2
    assert keys(ports, fresh) == ["a"]


def test_a_transaction_takes_a_hundred_operations_and_no_more(ports, fresh):
    rows = [Insert(Row(fresh, f"{n:03}", {})) for n in range(101)]
    with pytest.raises(Permanent):
        ports.tables.transact("runs", fresh, rows)
    assert len(ports.tables.transact("runs", fresh, rows[:100])) == 100


def test_an_empty_transaction_does_nothing(ports, fresh):
    assert ports.tables.transact("runs", fresh, []) == []


def test_a_query_yields_a_range_in_key_order(ports, fresh, put):
    put("b", "a:2", "a:1", "c")
    assert keys(ports, fresh) == ["a:1", "a:2", "b", "c"]
    assert keys(ports, fresh, "a:", "a;") == ["a:1", "a:2"]
    assert keys(ports, fresh, "b") == ["b", "c"]
    assert keys(ports, fresh, "", "b") == ["a:1", "a:2"]


def test_a_query_passes_the_services_page_of_a_thousand(ports, fresh):
    for start in range(0, 1100, 100):
        group = [Insert(Row(fresh, f"{n:05}", {})) for n in range(start, start + 100)]
        ports.tables.transact("runs", fresh, group)
    assert len(keys(ports, fresh)) == 1100


@pytest.mark.parametrize("key", ["a/b", "a\\b", "a#b", "a?b", "a\nb", "a\x7fb", "k" * 513])
def test_keys_that_azure_refuses_are_refused(ports, fresh, key):
    with pytest.raises(Permanent):
        ports.tables.transact("runs", fresh, [Insert(Row(fresh, key, {}))])
    with pytest.raises(Permanent):
        ports.tables.get("runs", fresh, key)


def test_values_that_azure_refuses_are_refused(ports, fresh):
    too_large = {f"v{n}": "x" * 32_000 for n in range(17)}
    for values in ({"v": "x" * 32_769}, too_large, {"v": 2**63}, {"a-b": 1}, {"RowKey": "b"}):
        with pytest.raises(Permanent):
            ports.tables.transact("runs", fresh, [Insert(Row(fresh, "a", values))])
    assert ports.tables.transact("runs", fresh, [Insert(Row(fresh, "a", {"v": "x" * 32_768}))])


def test_a_transaction_refuses_another_partition_and_a_row_twice(ports, fresh):
    elsewhere = [Insert(Row("elsewhere", "a", {}))]
    twice = [Insert(Row(fresh, "a", {})), Remove("a")]
    for group in (elsewhere, twice):
        with pytest.raises(Permanent):
            ports.tables.transact("runs", fresh, group)


def test_a_row_that_was_never_read_cannot_be_replaced(ports, fresh, put):
    put("a")
    with pytest.raises(Permanent):
        ports.tables.transact("runs", fresh, [Replace(Row(fresh, "a", {}))])


def test_a_table_that_is_missing_is_not_found(ports):
    with pytest.raises(NotFound):
        ports.tables.get("nonesuch", "p", "k")
    with pytest.raises(NotFound):
        list(ports.tables.query("nonesuch", "p"))
    with pytest.raises(NotFound):
        ports.tables.transact("nonesuch", "p", [Insert(Row("p", "k", {}))])
