"""Concurrency limits: which runs of a pipeline hold a place, and whether the pipeline is paused.

Table `runs`, partition = pipeline: row `!places` is a set of run ids, `!paused` exists while new
runs wait. They share the runs' partition, so taking a place and moving the run are one transaction.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from pipeline.errors import Conflict
from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import Change, Unreadable, log_unreadable, put, write
from pipeline.ports.tables import Remove, Row, Tables

_PLACES, _PAUSED = "!places", "!paused"


@dataclass(frozen=True)
class Places:
    """The runs of a pipeline that hold a place, as they were read."""

    pipeline: str
    holders: tuple[str, ...]
    etag: str | None

    def taken_by(self, run: str) -> Change:
        """Return the operation with which a run takes a place."""
        return self._held_by((*self.holders, run))

    def left_by(self, run: str) -> Change:
        """Return the operation with which a run gives its place back."""
        return self._held_by(tuple(holder for holder in self.holders if holder != run))

    def _held_by(self, holders: tuple[str, ...]) -> Change:
        return put(Row(self.pipeline, _PLACES, {"runs": json.dumps(holders)}, self.etag))


def read(tables: Tables, pipeline: str) -> Places:
    """Read which runs hold a place."""
    row = tables.get(RUNS, pipeline, _PLACES)
    return Places(pipeline, _holders(row) if row else (), row.etag if row else None)


def _holders(row: Row) -> tuple[str, ...]:
    """Read the run ids; an unreadable row counts as empty, so that it blocks no run."""
    try:
        return tuple(map(str, json.loads(str(row.values["runs"]))))
    except (KeyError, ValueError, TypeError, RecursionError):
        log_unreadable(Unreadable(RUNS, row, "runs: a JSON list is expected"))
        return ()


def paused(tables: Tables, pipeline: str) -> bool:
    """Return whether new runs of the pipeline wait."""
    return tables.get(RUNS, pipeline, _PAUSED) is not None


def pause(tables: Tables, pipeline: str, now: datetime) -> bool:
    """Let new runs wait; return whether that is a change."""
    try:
        write(tables, RUNS, Row(pipeline, _PAUSED, {"since": now}))
    except Conflict:
        return False
    return True


def resume(tables: Tables, pipeline: str) -> bool:
    """Let new runs begin; return whether that is a change."""
    was = paused(tables, pipeline)
    tables.transact(RUNS, pipeline, [Remove(_PAUSED)])
    return was
