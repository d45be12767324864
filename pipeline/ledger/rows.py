"""Values of the domain as rows and back: scalars as columns, everything else as JSON columns."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from pydantic import BaseModel, ValidationError

from pipeline.errors import Permanent
from pipeline.ports.tables import Insert, Operation, Replace, Row, Tables, Value

_JSON = "_json"
_log = logging.getLogger("fanfare")

# One more operation of a run's transaction; only the ledger looks inside.
type Change = Operation


class Unreadable(Permanent):
    """A row of the ledger is damaged."""

    def __init__(self, table: str, row: Row, why: str) -> None:
        super().__init__(
            f"The row {row.key!a} of partition {row.partition!a} in table {table} cannot be read "
            f"({why}). Restore its content, or delete the row; until then it is left out."
        )
        self.table, self.partition, self.key = table, row.partition, row.key


def put(row: Row) -> Insert | Replace:
    """Return the operation that writes a row: over the version that was read, or as a new row."""
    return Insert(row) if row.etag is None else Replace(row)


def write(tables: Tables, table: str, row: Row) -> str:
    """Write one row and return its ETag. Raises Conflict if somebody else wrote it first."""
    return tables.transact(table, row.partition, [put(row)])[0]


def prefixed(tables: Tables, table: str, partition: str, prefix: str) -> Iterator[Row]:
    """Yield the rows of a partition whose keys begin with a prefix, in key order."""
    return tables.query(table, partition, prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1))


def to_values(model: BaseModel) -> dict[str, Value]:
    """Turn a model into columns; None and empty values get no column."""
    return _columns(model, type(model).model_fields)


def _columns(model: BaseModel, fields: Iterable[str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    folded = set()
    for name in fields:
        value = getattr(model, name)
        if isinstance(value, str | bool | int | float | datetime):
            if value != "":
                values[name] = str(value) if isinstance(value, str) else value
        elif value is not None and value not in ((), {}):
            folded.add(name)
    content = model.model_dump(mode="json", include=folded) if folded else {}
    for name, value in content.items():
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        values[name + _JSON] = text
    return values


def carried_on[M: BaseModel](before: Mapping[str, Value], was: M, now: M) -> dict[str, Value]:
    """Turn a model into columns, over the columns that it was read from.

    An unchanged column stays as it was read, and so does an unknown one: a later release may have
    added the column, or more content to it.
    """
    changed = [name for name in type(now).model_fields if getattr(was, name) != getattr(now, name)]
    values, old, new = dict(before), _columns(was, changed), _columns(now, changed)
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            values.pop(name, None)
            values |= {name: new[name]} if name in new else {}
    return values


def from_values[M: BaseModel](kind: type[M], row: Row, table: str) -> M:
    """Rebuild a model from its row. Raises Unreadable, which names the table and the row."""
    try:
        return kind.model_validate(_unfolded(row.values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Unreadable(table, row, f"{where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(table, row, "a column is not JSON") from error


def moment(row: Row, name: str, table: str) -> datetime:
    """Return the time in a column. Raises Unreadable."""
    value = row.values.get(name)
    if not isinstance(value, datetime):
        raise Unreadable(table, row, f"{name}: a time is expected")
    return value


def number(row: Row, name: str, table: str) -> int:
    """Return the whole number in a column. Raises Unreadable."""
    value = row.values.get(name)
    if not isinstance(value, int):
        raise Unreadable(table, row, f"{name}: a whole number is expected")
    return value


def readable[T](rows: Iterable[Row], read: Callable[[Row], T]) -> Iterator[T]:
    """Yield the content of rows; an unreadable row is left out and logged."""
    for row in rows:
        try:
            content = read(row)
        except Unreadable as error:
            log_unreadable(error)
            continue
        yield content


def log_unreadable(error: Unreadable) -> None:
    """Log that a row is left out."""
    _log.warning(
        "Row left out: it cannot be read",
        extra={"action": "read", "row": ascii(error.key), "reason": str(error)},
    )


def _unfolded(values: Mapping[str, Value]) -> dict[str, object]:
    content: dict[str, object] = {}
    for name, value in values.items():
        if name.endswith(_JSON):
            content[name.removesuffix(_JSON)] = json.loads(str(value))
        elif isinstance(value, datetime):
            content[name] = value if value.tzinfo else value.replace(tzinfo=UTC)
        else:
            content[name] = value
    return content
