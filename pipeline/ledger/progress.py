"""Progress: which tasks are finished and which pages submitted, as sets that only grow.

Table `progress`, partition = run and generation, row = kind, chunk and writer slot. A writer ORs
its numbers into a row of its own slot, so writers seldom collide; a reader unites all rows.
"""

import base64
from collections.abc import Iterable
from typing import Literal

from pipeline.domain.runs.progress import Bitmap
from pipeline.errors import Conflict, Transient
from pipeline.ledger.layout import PROGRESS, partition
from pipeline.ledger.rows import Unreadable, log_unreadable, prefixed, write
from pipeline.ports.tables import Row, Tables

SLOTS = 16
_TRIES = 20

type Kind = Literal["pages", "tasks"]


def mark(
    tables: Tables, run: str, generation: int, kind: Kind, numbers: Iterable[int], writer: str
) -> Bitmap:
    """Add numbers to a set and return the new set; adding a number twice changes nothing."""
    place, slot = partition(run, generation), int(writer, 16) % SLOTS
    for chunk, data in Bitmap.of(numbers).chunks().items():
        _unite(tables, place, f"{kind}:{chunk:04d}:{slot:02d}", data)
    return union(tables, run, generation, kind)


def union(tables: Tables, run: str, generation: int, kind: Kind) -> Bitmap:
    """Read a set."""
    rows = prefixed(tables, PROGRESS, partition(run, generation), f"{kind}:")
    return Bitmap.from_chunks((int(row.key.split(":")[1]), _bits(row)) for row in rows)


def _unite(tables: Tables, place: str, key: str, data: bytes) -> None:
    for _ in range(_TRIES):
        row = tables.get(PROGRESS, place, key)
        both = Bitmap(data).union(Bitmap(_bits(row) if row else b""))
        if row and both.data == _bits(row):
            return
        values = {"bits": base64.b64encode(both.data).decode()}
        try:
            write(tables, PROGRESS, Row(place, key, values, row.etag if row else None))
        except Conflict:
            continue  # another writer of this slot was faster: unite with its numbers
        return
    raise Transient(f"Too many writers change progress row {key} of {place} at once.")


def _bits(row: Row) -> bytes:
    """Read a chunk; an unreadable one counts as empty, and the sweep sets its bits again."""
    try:
        return base64.b64decode(str(row.values["bits"]), validate=True)
    except (KeyError, ValueError):
        log_unreadable(Unreadable(PROGRESS, row, "bits: Base64 is expected"))
        return b""
