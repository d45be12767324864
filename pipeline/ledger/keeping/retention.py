"""How far a pipeline's runs were shrunk to tombstones, and below which time they are forgotten.

Table `runs`, partition = pipeline: row `!retention`, and `later:{run}` for each run that was still
too young when its time was passed.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.ledger import index, outbox
from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import moment, prefixed, write
from pipeline.ports.tables import Remove, Row, Tables

_MARK, _LATER = "!retention", "later:"


@dataclass(frozen=True)
class Mark:
    """Up to when runs were looked at, and the watermark: runs from before may be forgotten."""

    passed: datetime | None = None
    watermark: datetime | None = None
    etag: str | None = None

    def moved(self, passed: datetime) -> "Mark":
        """Return the mark after more runs were looked at."""
        return replace(self, passed=passed)

    def raised(self, watermark: datetime) -> "Mark":
        """Return the mark with a later watermark; it never goes back."""
        return replace(self, watermark=max(watermark, self.watermark or watermark))


def read(tables: Tables, pipeline: str) -> Mark:
    """Read the mark of a pipeline. Raises Unreadable."""
    row = tables.get(RUNS, pipeline, _MARK)
    if row is None:
        return Mark()
    passed, watermark = (
        moment(row, name, RUNS) if name in row.values else None for name in ("passed", "watermark")
    )
    return Mark(passed, watermark, row.etag)


def note(tables: Tables, pipeline: str, mark: Mark) -> Mark:
    """Record a mark in place of the one that was read. Raises Conflict."""
    times = {"passed": mark.passed, "watermark": mark.watermark}
    values = {name: at for name, at in times.items() if at is not None}
    return replace(mark, etag=write(tables, RUNS, Row(pipeline, _MARK, values, mark.etag)))


def watermark(tables: Tables, pipeline: str) -> datetime | None:
    """Return the time below which a pipeline's runs may be forgotten; None if none are."""
    return read(tables, pipeline).watermark


def oldest(tables: Tables, pipeline: str) -> datetime | None:
    """Return when the first run that is still listed was created, by one look at the index."""
    last = deque(index.listed_keys(tables, pipeline), maxlen=1)
    return index.created_at(last[0]) if last else None


def created(
    tables: Tables, pipeline: str, since: datetime, until: datetime
) -> list[tuple[datetime, str]]:
    """List the runs with since <= creation < until, first to last."""
    keys = index.listed_keys(tables, pipeline, since, until)
    return sorted((index.created_at(key), key.rpartition(":")[2]) for key in keys)


def created_before(tables: Tables, pipeline: str, until: datetime) -> Iterator[str]:
    """Yield the runs that were created before a time, last to first."""
    for key in index.listed_keys(tables, pipeline, until=until):
        yield key.rpartition(":")[2]


def put_off(tables: Tables, pipeline: str, run: str) -> None:
    """List a run that is too young now; a second call changes nothing."""
    with suppress(Conflict):
        write(tables, RUNS, Row(pipeline, _LATER + run, {}))


def put_off_runs(tables: Tables, pipeline: str) -> Iterator[str]:
    """Yield the runs that were too young when their time was passed."""
    for row in prefixed(tables, RUNS, pipeline, _LATER):
        yield row.key.removeprefix(_LATER)


def put_on(tables: Tables, pipeline: str, run: str) -> None:
    """Take a run from that list; one that is not there is fine."""
    tables.transact(RUNS, pipeline, [Remove(_LATER + run)])


def forget(tables: Tables, run: Run) -> None:
    """Delete the row of a run and all that lists it, in one transaction. Raises Conflict."""
    outbox.forget(tables, run)
    keys = (run.id, *index.keys_of(run), _LATER + run.id)
    there = [key for key in keys if tables.get(RUNS, run.pipeline, key)]
    if there:
        tables.transact(RUNS, run.pipeline, [Remove(key) for key in there])
