"""Concurrency limits: which runs of a pipeline hold a place, and whether the pipeline is paused.

Table `runs`, partition = pipeline: row `!places` is a set of run ids, `!paused` exists while new
runs wait. They share the runs' partition, so taking a place and moving the run are one transaction.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from pipeline.domain.runs.asking.askers import Asker
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


@dataclass(frozen=True)
class Paused:
    """Since when new runs of a pipeline wait, and who paused it, as far as the row tells."""

    since: datetime | None
    by: Asker | None

    def __str__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        return f"paused{by}" + (f" at {self.since:%F %T} UTC" if self.since else "")


def paused(tables: Tables, pipeline: str) -> Paused | None:
    """Return since when new runs of the pipeline wait, and who asked for it; None if they begin."""
    row = tables.get(RUNS, pipeline, _PAUSED)
    if row is None:
        return None
    since = row.values.get("since")
    return Paused(since if isinstance(since, datetime) else None, _by(row))


def _by(row: Row) -> Asker | None:
    """Read who paused; an earlier release did not note it."""
    try:
        return Asker.model_validate_json(str(row.values.get("by_json", "")))
    except ValidationError:
        return None


def pause(tables: Tables, pipeline: str, now: datetime, by: Asker) -> bool:
    """Let new runs wait; return whether that is a change."""
    try:
        write(
            tables,
            RUNS,
            Row(pipeline, _PAUSED, {"since": now, "by_json": by.model_dump_json()}),
        )
    except Conflict:
        return False
    return True


def resume(tables: Tables, pipeline: str) -> bool:
    """Let new runs begin; return whether that is a change."""
    was = paused(tables, pipeline) is not None
    tables.transact(RUNS, pipeline, [Remove(_PAUSED)])
    return was
