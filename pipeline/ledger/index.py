"""The index of runs: which pipelines ever had one, which runs are active, which came last.

Table `runs`: partition `!pipelines` has a row a pipeline. In a pipeline's own partition lie
`active:{run}` while the run has no verdict, and `t:{inverted time}:{run}` for listings by time.
A row of the index also says when the sweep last asked for what is left to do.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import prefixed, write
from pipeline.ports.tables import Insert, Operation, Remove, Row, Tables

_REGISTRY = "!pipelines"
_ACTIVE, _BY_TIME = "active:", "t:"
_ASKED = "asked"


@dataclass(frozen=True)
class ActiveEntry:
    """The index's row of a run that has no verdict."""

    row: Row

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.row.key.removeprefix(_ACTIVE)

    def asked(self, since: datetime) -> datetime:
        """Return when the sweep last asked for what is left to do; `since` if it never did."""
        return asked(self.row, since)


def register(tables: Tables, pipeline: str) -> None:
    """Note that a pipeline has runs; repeating is fine."""
    if tables.get(RUNS, _REGISTRY, pipeline) is None:
        with suppress(Conflict):  # another invocation registered it meanwhile
            write(tables, RUNS, Row(_REGISTRY, pipeline, {}))


def listed(run: Run) -> Operation:
    """Return the operation that lists a new run by its time."""
    key = f"{_BY_TIME}{naming.inverted_time(run.created_at)}:{run.id}"
    return Insert(Row(run.pipeline, key, {}))


def activated(run: Run) -> Operation:
    """Return the operation that lists a run as active."""
    return Insert(Row(run.pipeline, _ACTIVE + run.id, {"since": run.changed_at}))


def deactivated(run: Run) -> Operation:
    """Return the operation that lists a run as active no more."""
    return Remove(_ACTIVE + run.id)


def pipelines(tables: Tables) -> list[str]:
    """Return the names of all pipelines that ever had a run."""
    return [row.key for row in tables.query(RUNS, _REGISTRY)]


def active(tables: Tables) -> Iterator[str]:
    """Yield the ids of all runs without a verdict."""
    for pipeline in pipelines(tables):
        yield from active_of(tables, pipeline)


def active_of(tables: Tables, pipeline: str) -> Iterator[str]:
    """Yield the ids of a pipeline's runs without a verdict."""
    for entry in activity(tables, pipeline):
        yield entry.run


def activity(tables: Tables, pipeline: str) -> Iterator[ActiveEntry]:
    """Yield the index's rows of a pipeline's runs without a verdict."""
    return map(ActiveEntry, prefixed(tables, RUNS, pipeline, _ACTIVE))


def recent(tables: Tables, pipeline: str) -> Iterator[str]:
    """Yield the ids of a pipeline's runs, latest first."""
    for row in prefixed(tables, RUNS, pipeline, _BY_TIME):
        yield row.key.rpartition(":")[2]


def asked(row: Row, since: datetime) -> datetime:
    """Return when what is left to do was last asked for; `since` if it never was."""
    at = row.values.get(_ASKED)
    return max(at, since) if isinstance(at, datetime) else since


def note_asked(tables: Tables, row: Row, now: datetime) -> None:
    """Note on a row that what is left to do was asked for; it may be done and gone meanwhile."""
    with suppress(Conflict):
        noted = Row(row.partition, row.key, {**row.values, _ASKED: now}, row.etag)
        write(tables, RUNS, noted)
