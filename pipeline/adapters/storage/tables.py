"""Table Storage through azure-data-tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import cast

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.data.tables import (
    EdmType,
    EntityProperty,
    TableClient,
    TableServiceClient,
    TableTransactionError,
    UpdateMode,
)

from pipeline.adapters import limits
from pipeline.adapters.identity.credentials import storage_account
from pipeline.adapters.translate import code_of, status_of, translate, translated
from pipeline.adapters.transport import transport_to
from pipeline.errors import FanfareError, Permanent, TransactionConflict
from pipeline.ports.tables import Insert, Operation, Remove, Replace, Row, Value
from pipeline.settings import Settings

_KEYS = ("PartitionKey", "RowKey")
_HELD_NOT = (404, 409, 412)
_INT32 = 2**31

type Entity = Mapping[str, object]


class AzureTables:
    """The tables port: rows as entities; the service checks every condition."""

    def __init__(self, service: TableServiceClient) -> None:
        self._table: Callable[[str], TableClient] = cache(service.get_table_client)

    def get(self, table: str, partition: str, key: str) -> Row | None:
        """Read one row, or return None if it does not exist."""
        limits.check_key(partition)
        limits.check_key(key)
        with translated(f"read a row of {table}"):
            try:
                return _row(self._table(table).get_entity(partition, key))
            except ResourceNotFoundError as error:
                if code_of(error) == "TableNotFound":
                    raise
                return None

    def query(self, table: str, partition: str, first: str = "", before: str = "") -> Iterator[Row]:
        """Yield the rows with first <= key < before in key order ("" means open)."""
        condition = "PartitionKey eq @partition"
        condition += " and RowKey ge @first" if first else ""
        condition += " and RowKey lt @before" if before else ""
        values = {"partition": partition, "first": first, "before": before}
        with translated(f"query {table}"):
            for entity in self._table(table).query_entities(condition, parameters=values):
                yield _row(entity)

    def transact(self, table: str, partition: str, operations: Sequence[Operation]) -> list[str]:
        """Apply up to 100 operations on one partition, all or nothing; return the new ETags."""
        limits.check_transaction(partition, operations)
        if not operations:
            return []
        client = self._table(table)
        try:
            if len(operations) == 1:
                return [_apply(client, partition, operations[0])]
            results = client.submit_transaction(_step(partition, o) for o in operations)
        except AzureError as error:
            raise _refusal(error, table) from error
        return [
            "" if isinstance(operation, Remove) else str(result["etag"])
            for operation, result in zip(operations, results, strict=True)
        ]


def connect(settings: Settings) -> AzureTables:
    """Connect to the account's tables."""
    account = storage_account(settings)
    return AzureTables(
        TableServiceClient(
            account.table,
            credential=account.credential(settings),
            transport=transport_to(account.table),
        )
    )


def _apply(client: TableClient, partition: str, operation: Operation) -> str:
    match operation:
        case Insert(row):
            return str(client.create_entity(_entity(row))["etag"])
        case Replace(row):
            written = client.update_entity(
                _entity(row),
                mode=UpdateMode.REPLACE,
                etag=_read_etag(row),
                match_condition=MatchConditions.IfNotModified,
            )
            return str(written["etag"])
        case Remove(key):
            client.delete_entity(partition, key)
            return ""


def _step(
    partition: str, operation: Operation
) -> tuple[str, dict[str, object]] | tuple[str, dict[str, object], dict[str, object]]:
    match operation:
        case Insert(row):
            return "create", _entity(row)
        case Replace(row):
            condition = {"etag": _read_etag(row), "match_condition": MatchConditions.IfNotModified}
            return "update", _entity(row), {"mode": UpdateMode.REPLACE, **condition}
        case Remove(key):
            keys: dict[str, object] = {"PartitionKey": partition, "RowKey": key}
            return "delete", keys


def _read_etag(row: Row) -> str:
    if row.etag is None:
        raise Permanent(f"The row {row.key!r} has no ETag: read it before you replace it.")
    return row.etag


def _refusal(error: AzureError, table: str) -> FanfareError:
    if status_of(error) in _HELD_NOT and code_of(error) != "TableNotFound":
        index = error.index if isinstance(error, TableTransactionError) else 0
        return TransactionConflict(index, f"A row of {table} was changed first: {code_of(error)}.")
    return translate(error, f"write to {table}")


def _entity(row: Row) -> dict[str, object]:
    values = {name: _encode(value) for name, value in row.values.items()}
    return {"PartitionKey": row.partition, "RowKey": row.key, **values}


def _encode(value: Value) -> object:
    match value:
        case bool():
            return value
        case str():
            return str(value)  # also the text of an Enum
        case int() if not -_INT32 <= value < _INT32:
            return EntityProperty(value, EdmType.INT64)
        case float():
            # Without a type, 1.0 would be read back as the integer 1.
            return EntityProperty(value, EdmType.DOUBLE)
        case datetime():
            return value.astimezone(UTC)
        case _:
            return value


def _row(entity: Entity) -> Row:
    metadata = cast("Mapping[str, str]", entity.metadata)  # type: ignore[attr-defined] # a TableEntity
    values = {name: _decode(value) for name, value in entity.items() if name not in _KEYS}
    return Row(str(entity["PartitionKey"]), str(entity["RowKey"]), values, metadata["etag"])


def _decode(value: object) -> Value:
    if isinstance(value, EntityProperty):
        value = value.value
    if isinstance(value, datetime):
        return datetime.fromtimestamp(value.timestamp(), UTC)
    return cast("Value", value)
