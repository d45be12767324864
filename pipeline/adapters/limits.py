"""Azure's rules for sizes and keys, checked before a request: local stand-ins may omit them."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from pipeline.domain.outputs.blocks import MOST as MAX_BLOCKS
from pipeline.errors import Permanent
from pipeline.ports.blobs import MAX_PIECE, Piece
from pipeline.ports.tables import Insert, Operation, Remove, Replace, Row, Value

MAX_OPERATIONS = 100
MAX_STRING_CHARACTERS = 32 * 1024
MAX_ENTITY_BYTES = 1024 * 1024
MAX_TRANSACTION_BYTES = 4 * 1024 * 1024
MAX_PROPERTIES = 252
MAX_MESSAGE_BYTES = 64 * 1024
MAX_EVENT_BYTES = 1024 * 1024
MAX_BLOB_NAME = 1024

_MAX_KEY_BYTES = 1024
_REFUSED_IN_KEYS = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_PROPERTY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


def check_transaction(partition: str, operations: Sequence[Operation]) -> None:
    """Raise Permanent for what Table Storage refuses: too many rows, too large, or a row twice."""
    keys = [_key(operation) for operation in operations]
    if len(keys) > MAX_OPERATIONS:
        raise Permanent(
            f"A transaction holds at most {MAX_OPERATIONS} operations, not {len(keys)}."
        )
    if len(set(keys)) != len(keys):
        raise Permanent("A transaction names the same row twice.")
    for key in (partition, *keys):
        check_key(key)
    for operation in operations:
        if isinstance(operation, Insert | Replace) and operation.row.partition != partition:
            raise Permanent("A transaction can change only one partition.")
    size = sum(check_row(o.row) for o in operations if not isinstance(o, Remove))
    if size > MAX_TRANSACTION_BYTES:
        raise Permanent(f"A transaction holds at most {MAX_TRANSACTION_BYTES} bytes, not {size}.")


def check_key(key: str) -> None:
    """Raise Permanent for a partition or row key that Table Storage refuses."""
    if _REFUSED_IN_KEYS.search(key):
        raise Permanent(f"The key {key!r} has a character that Table Storage refuses.")
    if _utf16(key) > _MAX_KEY_BYTES:
        raise Permanent(f"The key {key[:40]!r}… is longer than {_MAX_KEY_BYTES} bytes.")


def check_row(row: Row) -> int:
    """Return the size of a row as Table Storage counts it. Raises Permanent for a refused row."""
    if len(row.values) > MAX_PROPERTIES:
        raise Permanent(f"A row has at most {MAX_PROPERTIES} properties, not {len(row.values)}.")
    size = 4 + _utf16(row.partition) + _utf16(row.key)
    for name, value in row.values.items():
        size += _name_bytes(name) + _value_bytes(name, value)
    if size > MAX_ENTITY_BYTES:
        raise Permanent(f"The row {row.key!r} has {size} bytes, more than {MAX_ENTITY_BYTES}.")
    return size


def check_message(encoded: str) -> None:
    """Raise Permanent for an encoded message that a queue refuses."""
    if len(encoded) > MAX_MESSAGE_BYTES:
        size = len(encoded)
        raise Permanent(f"A queue message holds at most {MAX_MESSAGE_BYTES} bytes, not {size}.")


def check_event(event: Mapping[str, object]) -> None:
    """Raise Permanent for an event that a topic refuses."""
    missing = [name for name in ("id", "source", "type") if not event.get(name)]
    if missing:
        raise Permanent(f"The event lacks {', '.join(missing)}.")
    if len(json.dumps(dict(event)).encode()) > MAX_EVENT_BYTES:
        raise Permanent(f"The event has more than {MAX_EVENT_BYTES} bytes.")


def check_blob_name(name: str) -> None:
    """Raise Permanent for a blob that cannot be addressed.

    HTTP clients resolve "." and ".." in a path, even percent-encoded. A stranger can upload a blob
    with such a name, and its URL would then mean another blob.
    """
    if not 0 < len(name) <= MAX_BLOB_NAME or any(s in (".", "..") for s in name.split("/")):
        raise Permanent(f"The blob name {name[:80]!r} cannot be used in a URL.")


def check_parts(count: int) -> None:
    """Raise Permanent for more blocks than a blob can have."""
    if count > MAX_BLOCKS:
        raise Permanent(f"A blob has at most {MAX_BLOCKS} blocks, not {count}.")


def length_of(piece: Piece) -> int:
    """Return the length of a piece. Raises Permanent unless it is one that a block can have."""
    if not 0 < piece.length <= MAX_PIECE:
        raise Permanent(f"A piece has 1 to {MAX_PIECE} bytes, not {piece.length}.")
    return piece.length


@functools.lru_cache(1_000)  # the names of columns are few
def _name_bytes(name: str) -> int:
    if not _PROPERTY_NAME.fullmatch(name) or name in ("PartitionKey", "RowKey", "Timestamp"):
        raise Permanent(f"The property name {name!r} cannot be stored.")
    return 8 + _utf16(name)


def _value_bytes(name: str, value: Value) -> int:
    match value:
        case str():
            size = _utf16(value)
            if size > 2 * MAX_STRING_CHARACTERS:
                raise Permanent(
                    f"The property {name} is longer than {MAX_STRING_CHARACTERS} characters."
                )
            return 4 + size
        case bool():
            return 1
        case int() if not -(2**63) <= value < 2**63:
            raise Permanent(f"The number in {name} does not fit 64 bits.")
        case datetime() if value.tzinfo is None:
            raise Permanent(f"The time in {name} has no time zone.")
        case _:
            return 8


def _key(operation: Operation) -> str:
    return operation.key if isinstance(operation, Remove) else operation.row.key


def _utf16(text: str) -> int:
    if text.isascii():
        return 2 * len(text)
    return len(text.encode("utf-16-le", "surrogatepass"))
