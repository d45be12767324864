"""Leases: one instance at a time does a long step of a run; a lease that nobody renews expires.

Table `runs`, partition = pipeline: row `lease:{run}`.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.errors import Conflict
from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import write
from pipeline.ports.tables import Remove, Row, Tables, Value

_TERM = timedelta(seconds=60)


@dataclass(frozen=True)
class Lease:
    """The right of one owner to a long step of a run."""

    tables: Tables
    pipeline: str
    run: str
    owner: str

    def take(self, now: datetime) -> bool:
        """Take or renew the lease for a minute; return False if another owner has it."""
        row = self.tables.get(RUNS, self.pipeline, self._key)
        if row and row.values.get("owner") != self.owner and _until(row) > now:
            return False
        values: dict[str, Value] = {"owner": self.owner, "until": now + _TERM}
        with suppress(Conflict):
            write(
                self.tables, RUNS, Row(self.pipeline, self._key, values, row.etag if row else None)
            )
            return True
        return False

    def release(self) -> None:
        """Give the lease back; one that another owner took meanwhile stays."""
        row = self.tables.get(RUNS, self.pipeline, self._key)
        if row and row.values.get("owner") == self.owner:
            with suppress(Conflict):
                self.tables.transact(RUNS, self.pipeline, [Remove(self._key)])

    @property
    def _key(self) -> str:
        return f"lease:{self.run}"


def _until(row: Row) -> datetime:
    until = row.values.get("until")
    return until if isinstance(until, datetime) else datetime.min.replace(tzinfo=UTC)
