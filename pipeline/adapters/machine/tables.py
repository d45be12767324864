"""Table Storage in memory, with ETags, conditions and transactions as in the service."""

import functools
from collections.abc import Iterator, Sequence
from threading import Lock

from pipeline.adapters import limits
from pipeline.errors import NotFound, Permanent, TransactionConflict
from pipeline.ledger.layout import TABLES
from pipeline.ports.tables import Insert, Operation, Remove, Replace, Row

type Partition = dict[str, Row]


class MemoryTables:
    """Rows by table, partition and key; threads may share them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._partitions: dict[tuple[str, str], Partition] = {}
        self._writes = 0

    def get(self, table: str, partition: str, key: str) -> Row | None:
        """Read one row, or return None if it does not exist."""
        _check_key(partition)
        _check_key(key)
        return self._rows(table, partition).get(key)

    def query(self, table: str, partition: str, first: str = "", before: str = "") -> Iterator[Row]:
        """Yield the rows with first <= key < before in key order ("" means open)."""
        rows = self._rows(table, partition)
        for key in sorted(rows):
            inside = first <= key and (not before or key < before)
            if inside and (row := rows.get(key)):
                yield row

    def transact(self, table: str, partition: str, operations: Sequence[Operation]) -> list[str]:
        """Apply operations on one partition, all or nothing. Raises TransactionConflict."""
        limits.check_transaction(partition, operations)
        rows = self._rows(table, partition)
        with self._lock:
            for index, operation in enumerate(operations):
                _check(rows, index, operation, alone=len(operations) == 1)
            return [self._apply(rows, operation) for operation in operations]

    def _rows(self, table: str, partition: str) -> Partition:
        if table not in TABLES:
            raise NotFound(f"There is no table {table}.")
        return self._partitions.setdefault((table, partition), {})

    def _apply(self, rows: Partition, operation: Operation) -> str:
        if isinstance(operation, Remove):
            rows.pop(operation.key, None)
            return ""
        self._writes += 1
        etag = f"W/\"datetime'{self._writes:06d}'\""
        row = operation.row
        rows[row.key] = Row(row.partition, row.key, dict(row.values), etag)
        return etag


_check_key = functools.lru_cache(10_000)(limits.check_key)


def _check(rows: Partition, index: int, operation: Operation, *, alone: bool) -> None:
    match operation:
        case Insert(row) if row.key in rows:
            raise TransactionConflict(index, f"The row {row.key!r} exists.")
        case Replace(row) if row.etag is None:
            raise Permanent(f"The row {row.key!r} has no ETag: read it before you replace it.")
        case Replace(row) if row.key not in rows or rows[row.key].etag != row.etag:
            raise TransactionConflict(index, f"The row {row.key!r} was changed or is gone.")
        case Remove(key) if key not in rows and not alone:
            raise TransactionConflict(index, f"The row {key!r} is gone.")
        case _:
            pass
