"""How far timers have looked: the last tick of a schedule, and until when events were compared.

Table `runs`, partition = pipeline: rows `!schedule` and `!events`. Partition `!ticks`, row
`minute`: when the minute timer last ticked, and when somebody last did its work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import moment, write
from pipeline.ports.tables import Row, Tables, Value

STOPPED_AFTER = timedelta(minutes=3)  # without a tick, the timer counts as stopped
_SCHEDULE, _EVENTS = "!schedule", "!events"
TICKS, _MINUTE = "!ticks", "minute"
_AT, _TIMER = "at", "timer"


@dataclass(frozen=True)
class Ticked:
    """The last tick of a schedule that was handled."""

    last: datetime
    etag: str | None = None


@dataclass(frozen=True)
class Watched:
    """Since when a pipeline's blobs are watched, and until when they were compared with runs.

    `told` is when the log said that this pipeline's lost events are not searched for.
    """

    activated: datetime
    swept: datetime
    told: datetime | None = None
    etag: str | None = None

    def until(self, moment: datetime, told: datetime | None = None) -> "Watched":
        """Return the mark moved forward to a time."""
        return replace(self, swept=max(self.swept, moment), told=told)


@dataclass(frozen=True)
class LastTick:
    """The last tick, whoever did it, and the last one of the timer itself, if there was one."""

    at: datetime
    timer: datetime | None
    row: Row


def ticked(tables: Tables, pipeline: str) -> Ticked | None:
    """Read the last tick of a schedule; None before the first one. Raises Unreadable."""
    row = tables.get(RUNS, pipeline, _SCHEDULE)
    return Ticked(moment(row, "last", RUNS), row.etag) if row else None


def note_tick(tables: Tables, pipeline: str, mark: Ticked) -> None:
    """Record a tick in place of the one that was read. Raises Conflict."""
    write(tables, RUNS, Row(pipeline, _SCHEDULE, {"last": mark.last}, mark.etag))


def watched(tables: Tables, pipeline: str) -> Watched | None:
    """Read since when a pipeline's blobs are watched; None before that. Raises Unreadable."""
    row = tables.get(RUNS, pipeline, _EVENTS)
    if row is None:
        return None
    told = moment(row, "told", RUNS) if "told" in row.values else None
    return Watched(moment(row, "activated", RUNS), moment(row, "swept", RUNS), told, row.etag)


def note_watched(tables: Tables, pipeline: str, mark: Watched) -> None:
    """Record until when blobs were compared, in place of what was read. Raises Conflict."""
    times = {"activated": mark.activated, "swept": mark.swept}
    told = {"told": mark.told} if mark.told else {}
    write(tables, RUNS, Row(pipeline, _EVENTS, {**times, **told}, mark.etag))


def last_tick(tables: Tables) -> LastTick | None:
    """Read the last tick; None before the first one. Raises Unreadable."""
    row = tables.get(RUNS, TICKS, _MINUTE)
    if row is None:
        return None
    timer = moment(row, _TIMER, RUNS) if _TIMER in row.values else None
    return LastTick(moment(row, _AT, RUNS), timer, row)


def note_timer(tables: Tables, now: datetime) -> None:
    """Note a tick of the timer. Raises Conflict if somebody noted one at the same time."""
    _note_times(tables, tables.get(RUNS, TICKS, _MINUTE), {_AT: now, _TIMER: now})


def claim_tick(tables: Tables, seen: LastTick | None, now: datetime) -> None:
    """Note a tick in place of the last one that was seen. Raises Conflict if somebody else did."""
    _note_times(tables, seen.row if seen else None, {_AT: now})


def _note_times(tables: Tables, row: Row | None, times: Mapping[str, Value]) -> None:
    kept, etag = (row.values, row.etag) if row else ({}, None)
    write(tables, RUNS, Row(TICKS, _MINUTE, {**kept, **times}, etag))
