"""Deletes what the ledger holds about a run's tasks; the run's own row stays."""

from pipeline.ledger.layout import PROGRESS, RUNS, TASKS, partition
from pipeline.ports.tables import Remove, Tables

_PER_TRANSACTION = 100
_NOBODY, _NOTHING = "!doctor", "fanfare-doctor-looks-whether-it-may"


def forget(tables: Tables, run: str, generations: int) -> None:
    """Delete the rows of tasks and progress of all generations; a second call is harmless."""
    for generation in range(1, generations + 1):
        for table in (TASKS, PROGRESS):
            _empty(tables, table, partition(run, generation))


def _empty(tables: Tables, table: str, place: str) -> None:
    keys = [row.key for row in tables.query(table, place)]
    for at in range(0, len(keys), _PER_TRANSACTION):
        group = keys[at : at + _PER_TRANSACTION]
        tables.transact(table, place, [Remove(key) for key in group])


def delete_nothing(tables: Tables) -> None:
    """Delete a row that never exists, to test the caller's rights. Raises the service's error."""
    tables.transact(RUNS, _NOBODY, [Remove(_NOTHING)])
