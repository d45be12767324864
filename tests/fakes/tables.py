"""Table Storage in memory, with what tests ask of it."""

from pipeline.adapters.machine.tables import MemoryTables
from pipeline.ports.tables import Row


class FakeTables(MemoryTables):
    """Rows by table, partition and key."""

    def rows(self, table: str, partition: str | None = None) -> list[Row]:
        """Return the rows of a table, for assertions."""
        return [
            row
            for (name, at), rows in sorted(self._partitions.items())
            if name == table and partition in (None, at)
            for _, row in sorted(rows.items())
        ]
