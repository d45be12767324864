"""Runs: claimed once, moved only from the state that was read, ended together with their event.

Table `runs`, partition = pipeline: the run's row, `active:{run}` while it has no verdict,
`t:{inverted time}:{run}` for listings by time, `outbox:{event id}` until it was announced and
`announced-outbox:{event id}` afterwards, `ended:{event id}` until all that it held was released.
Rows of the index and the outbox also say when the sweep last asked for what is left to do.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, NotFound
from pipeline.ledger.rows import Unreadable, from_values, to_values
from pipeline.ports.tables import Insert, Operation, Remove, Replace, Row, Tables, Value

TABLE = "runs"
_REGISTRY = "!pipelines"
_ACTIVE, _BY_TIME, _OUTBOX, _ANNOUNCED = "active:", "t:", "outbox:", "announced-"
_ENDED = "ended:"
_ASKED = "asked"
_COLUMN = 30_000  # characters of an event in one column


@dataclass(frozen=True)
class Held:
    """A run as it was read, with the ETag that its next move depends on."""

    run: Run
    etag: str


@dataclass(frozen=True)
class ActiveEntry:
    """The index's row of a run that has no verdict."""

    row: Row

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.row.key.removeprefix(_ACTIVE)


@dataclass(frozen=True)
class OutboxEntry:
    """A completion event that is in the outbox until it was announced."""

    row: Row

    @property
    def event(self) -> Mapping[str, object]:
        """The CloudEvent. Raises Unreadable."""
        columns = (name for name in self.row.values if name.startswith("event_"))
        text = "".join(str(self.row.values[name]) for name in sorted(columns))
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unreadable(TABLE, self.row, "the event is no JSON") from error
        if not isinstance(content, Mapping):
            raise Unreadable(TABLE, self.row, "the event is no JSON object")
        return content


@dataclass(frozen=True)
class Ended:
    """A generation that has its verdict and may still hold jobs and more."""

    row: Row

    @property
    def run(self) -> Run:
        """The run as it ended. Raises Unreadable."""
        return from_values(Run, self.row, TABLE)


def claim(tables: Tables, run: Run) -> tuple[Held, bool]:
    """Create the run unless it exists; return it as it stands, and whether this call created it."""
    _register(tables, run.pipeline)
    index = f"{_BY_TIME}{naming.inverted_time(run.created_at)}:{run.id}"
    operations = [Insert(_row(run)), _activate(run), Insert(Row(run.pipeline, index, {}))]
    try:
        etags = tables.transact(TABLE, run.pipeline, operations)
    except Conflict:
        existing = load(tables, run.id)
        if existing is None:
            raise
        return existing, existing.run.step == run.step
    return Held(run, etags[0]), True


def load(tables: Tables, run_id: str) -> Held | None:
    """Read a run, or None. Raises Unreadable."""
    pipeline = naming.pipeline_of(run_id)
    row = tables.get(TABLE, pipeline, run_id) if pipeline else None
    return Held(from_values(Run, row, TABLE), row.etag or "") if row else None


def need(tables: Tables, run_id: str) -> Held:
    """Read a run; raises NotFound."""
    held = load(tables, run_id)
    if held is None:
        raise NotFound(f"There is no run {run_id!r}; `fanfare ls` shows those that there are.")
    return held


def move(tables: Tables, held: Held, run: Run, *also: Operation) -> Held:
    """Write the run if nobody moved it since it was read; raises Conflict otherwise.

    A write whose answer was lost is recognised by its step token and is no conflict.
    """
    operations = [Replace(_row(run, held.etag)), *also]
    try:
        etags = tables.transact(TABLE, run.pipeline, operations)
    except Conflict:
        current = load(tables, run.id)
        if current and current.run.step == run.step != held.run.step:
            return current
        raise
    return Held(run, etags[0])


def conclude(
    tables: Tables, held: Held, run: Run, event: Mapping[str, object], *also: Operation
) -> Held:
    """Write the verdict, its event and what is left to do as one; the run is active no more."""
    outbox = Row(run.pipeline, f"{_OUTBOX}{event['id']}", _columns(event))
    ended = Row(run.pipeline, f"{_ENDED}{event['id']}", to_values(run))
    inserts = (Insert(outbox), Insert(ended))
    return move(tables, held, run, Remove(_ACTIVE + run.id), *inserts, *also)


def reopen(tables: Tables, held: Held, run: Run) -> Held:
    """Write a redrive: the run is active again."""
    return move(tables, held, run, _activate(run))


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
    return map(ActiveEntry, _prefixed(tables, pipeline, _ACTIVE))


def asked(entry: ActiveEntry | OutboxEntry, since: datetime) -> datetime:
    """Return when what is left to do was last asked for; `since` if the sweep never did."""
    at = entry.row.values.get(_ASKED)
    return max(at, since) if isinstance(at, datetime) else since


def note_asked(tables: Tables, entry: ActiveEntry | OutboxEntry, now: datetime) -> None:
    """Note that the sweep asked for what is left to do; it may be done meanwhile."""
    row = entry.row
    noted = Row(row.partition, row.key, {**row.values, _ASKED: now}, row.etag)
    with suppress(Conflict):
        tables.transact(TABLE, row.partition, [Replace(noted)])


def recent(tables: Tables, pipeline: str) -> Iterator[str]:
    """Yield the ids of a pipeline's runs, latest first."""
    for row in _prefixed(tables, pipeline, _BY_TIME):
        yield row.key.rpartition(":")[2]


def pipelines(tables: Tables) -> list[str]:
    """Return the names of all pipelines that ever had a run."""
    return [row.key for row in tables.query(TABLE, _REGISTRY)]


def outbox(tables: Tables, run_id: str, event_id: str) -> OutboxEntry | None:
    """Read one event of the outbox."""
    pipeline = naming.pipeline_of(run_id)
    row = tables.get(TABLE, pipeline, _OUTBOX + event_id) if pipeline else None
    return OutboxEntry(row) if row else None


def unannounced(tables: Tables, pipeline: str) -> Iterator[OutboxEntry]:
    """Yield a pipeline's events that were not announced yet."""
    return map(OutboxEntry, _prefixed(tables, pipeline, _OUTBOX))


def announced(tables: Tables, entry: OutboxEntry, now: datetime) -> None:
    """Move the event from the outbox to the announced ones; somebody else's move is as good."""
    row = entry.row
    sent = Row(row.partition, _ANNOUNCED + row.key, {**row.values, "announced_at": now})
    try:
        tables.transact(TABLE, row.partition, [Remove(row.key), Insert(sent)])
    except Conflict:
        if tables.get(TABLE, row.partition, row.key):
            raise


def ended(tables: Tables, pipeline: str) -> Iterator[Ended]:
    """Yield a pipeline's generations that ended and were not released yet."""
    return map(Ended, _prefixed(tables, pipeline, _ENDED))


def ended_as(run: Run, event_id: str) -> Ended:
    """Return what the verdict wrote of a run that has just ended."""
    return Ended(Row(run.pipeline, _ENDED + event_id, to_values(run)))


def released(tables: Tables, entry: Ended) -> None:
    """Note that a generation holds nothing any more."""
    tables.transact(TABLE, entry.row.partition, [Remove(entry.row.key)])


def _columns(event: Mapping[str, object]) -> dict[str, Value]:
    text = json.dumps(event, ensure_ascii=False)
    parts = (text[at : at + _COLUMN] for at in range(0, len(text), _COLUMN))
    return {f"event_{number:02d}": part for number, part in enumerate(parts)}


def _register(tables: Tables, pipeline: str) -> None:
    if tables.get(TABLE, _REGISTRY, pipeline) is None:
        try:
            tables.transact(TABLE, _REGISTRY, [Insert(Row(_REGISTRY, pipeline, {}))])
        except Conflict:
            return  # another invocation registered it meanwhile


def _activate(run: Run) -> Insert:
    return Insert(Row(run.pipeline, _ACTIVE + run.id, {"since": run.changed_at}))


def _row(run: Run, etag: str | None = None) -> Row:
    return Row(run.pipeline, run.id, to_values(run), etag)


def _prefixed(tables: Tables, partition: str, prefix: str) -> Iterator[Row]:
    return tables.query(TABLE, partition, prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1))
