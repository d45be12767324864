"""The samples of a pool as the store keeps them: one record a stretch of time.

Each sample holds only what differs from the one before.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from emulators.batch.document import parse_stamp, stamp

# Ten minutes of samples, at one every 30 seconds.
_MOST = 20

type Row = tuple[datetime, Mapping[str, float]]


@dataclass(slots=True, eq=False)
class Stretch:
    """Successive samples of one pool, the oldest first; later stretches have higher numbers."""

    pool_id: str
    number: int
    rows: list[Row] = field(default_factory=list)

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Return where the store keeps it."""
        return ("samples", self.pool_id, f"{self.number:010}")

    @property
    def is_full(self) -> bool:
        """Tell whether the next sample begins a new stretch."""
        return len(self.rows) >= _MOST

    def record(self) -> str:
        """Return it as text for the store."""
        began, before = self.rows[0][0], dict[str, float]()
        lines: list[tuple[float, dict[str, float]]] = []
        for at, values in self.rows:
            changed = {key: value for key, value in values.items() if before.get(key) != value}
            lines.append(((at - began).total_seconds(), changed))
            before = dict(values)
        saved = {"pool_id": self.pool_id, "number": self.number, "began": stamp(began)}
        return json.dumps({**saved, "rows": lines}, separators=(",", ":"))

    @classmethod
    def restore(cls, text: str) -> Self:
        """Build the stretch that `record` wrote."""
        saved = json.loads(text)
        began, rows, values = parse_stamp(saved["began"]), list[Row](), dict[str, float]()
        for seconds, changed in saved["rows"]:
            values = {**values, **changed} if changed else values
            rows.append((began + timedelta(seconds=seconds), values))
        return cls(saved["pool_id"], saved["number"], rows)
