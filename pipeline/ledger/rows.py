"""Values of the domain as rows and back: scalars as columns, everything else as JSON columns."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import BaseModel, ValidationError

from pipeline.errors import Permanent
from pipeline.ports.tables import Row, Value

_JSON = "_json"


class Unreadable(Permanent):
    """A row of the ledger does not hold what the engine wrote there."""

    def __init__(self, table: str, row: Row, why: str) -> None:
        super().__init__(
            f"The row {row.key!a} of partition {row.partition!a} in table {table} cannot be read "
            f"({why}). Restore what was changed, or delete the row; until then it is passed over."
        )


def to_values(model: BaseModel) -> dict[str, Value]:
    """Lay a model out over columns; None and empty values take no column."""
    values: dict[str, Value] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, str | bool | int | float | datetime):
            if value != "":
                values[name] = str(value) if isinstance(value, str) else value
        elif value is not None and value not in ((), {}):
            content = model.model_dump(mode="json", include={name})[name]
            values[name + _JSON] = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return values


def from_values[M: BaseModel](kind: type[M], row: Row, table: str) -> M:
    """Rebuild a model from its row; raises Unreadable, which names the row of this table."""
    try:
        return kind.model_validate(_unfolded(row.values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Unreadable(table, row, f"{where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(table, row, "a column holds no JSON") from error


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
