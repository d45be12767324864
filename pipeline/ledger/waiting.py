"""The line of waiting runs: which run of a pipeline may begin next, without reading all of them.

Table `runs`, partition = pipeline: row `wait:{group}:{rank}:{run}` for each run that waits. It is
written before the run waits, and removed after the run goes on; so a row may be left over, but no
waiting run lacks one, except those of an earlier release. What keeps the first of a group from
beginning keeps the others as well, so only the first is looked at.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import prefixed, write
from pipeline.ports.tables import Remove, Row, Tables

_WAIT = "wait:"
_HIGHEST = 1000  # the highest priority, which comes first


class Group(StrEnum):
    """Runs that hold a place already, those that need one, and ticks that a schedule queues."""

    HOLDS_PLACE = "h"
    NEEDS_PLACE = "n"
    QUEUED_TICK = "q"


@dataclass(frozen=True)
class Waiting:
    """One run in the line, as it was read; `rank` orders runs of all pipelines."""

    row: Row

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.row.key.rpartition(":")[2]

    @property
    def rank(self) -> str:
        """What orders runs: priority, then age."""
        return self.row.key.split(":", 2)[2]

    def since(self) -> datetime | None:
        """Return when the run was put into the line."""
        at = self.row.values.get("since")
        return at if isinstance(at, datetime) else None


def put_into_line(tables: Tables, run: Run, group: Group, priority: int, now: datetime) -> None:
    """List a run that is about to wait; a second call changes nothing."""
    with suppress(Conflict):  # it is in the line
        write(tables, RUNS, Row(run.pipeline, _key(run, group, priority), {"since": now}))


def in_line(tables: Tables, run: Run, group: Group, priority: int) -> bool:
    """Return whether a run is listed."""
    return tables.get(RUNS, run.pipeline, _key(run, group, priority)) is not None


def take_out(tables: Tables, waiting: Waiting) -> None:
    """Remove a row from the line; one that is gone is fine."""
    tables.transact(RUNS, waiting.row.partition, [Remove(waiting.row.key)])


def lines(tables: Tables, pipeline: str) -> list[Iterator[Waiting]]:
    """Return the lines of a pipeline's waiting runs, each in order; none if no run waits."""
    first = next(prefixed(tables, RUNS, pipeline, _WAIT), None)
    groups = Group if first else ()
    return [map(Waiting, prefixed(tables, RUNS, pipeline, f"{_WAIT}{g}:")) for g in groups]


def count_up_to(tables: Tables, pipeline: str, most: int) -> int:
    """Count the waiting runs of a pipeline, but stop at `most`."""
    return sum(1 for _ in islice(prefixed(tables, RUNS, pipeline, _WAIT), most))


def _key(run: Run, group: Group, priority: int) -> str:
    rank = f"{_HIGHEST - priority:04d}:{run.created_at:%Y%m%d%H%M%S%f}"
    return f"{_WAIT}{group}:{rank}:{run.id}"
