"""Table Storage: rows, the operations of a transaction, and the port. Only the ledger uses them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

type Value = str | int | float | bool | datetime


@dataclass(frozen=True)
class Row:
    """One entity: keys, values and, when it was read, its ETag (opaque)."""

    partition: str
    key: str
    values: Mapping[str, Value]
    etag: str | None = None


@dataclass(frozen=True)
class Insert:
    """Create a row; conflicts if its key exists."""

    row: Row


@dataclass(frozen=True)
class Replace:
    """Replace a whole row; conflicts unless its ETag is still `row.etag`."""

    row: Row


@dataclass(frozen=True)
class Remove:
    """Delete a row whatever its ETag.

    A row that is gone already is fine in a transaction of one operation, and conflicts in others.
    """

    key: str


type Operation = Insert | Replace | Remove


class Tables(Protocol):
    """Table Storage: point reads, range queries and transactions within one partition."""

    def get(self, table: str, partition: str, key: str) -> Row | None:
        """Read one row, or return None if it does not exist."""

    def query(self, table: str, partition: str, first: str = "", before: str = "") -> Iterator[Row]:
        """Yield the rows with first <= key < before in key order ("" means open)."""

    def transact(self, table: str, partition: str, operations: Sequence[Operation]) -> list[str]:
        """Apply up to 100 operations on one partition, all or nothing; return the new ETags.

        A removal returns "". Raises `TransactionConflict`, which says which operation failed.
        """
