"""The outbox: completion events to announce, and ended generations to release.

Table `runs`, partition = pipeline: `outbox:{event id}` until the event was announced,
`announced-outbox:{event id}` afterwards; `ended:{event id}` until all that the generation held was
released. Both are written in the verdict's transaction.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.ledger import index
from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import Unreadable, from_values, prefixed, to_values, write
from pipeline.ports.tables import Insert, Operation, Remove, Row, Tables, Value

_OUTBOX, _ANNOUNCED, _ENDED = "outbox:", "announced-", "ended:"
_FAILURE, _LONGEST = "failure", 1000  # characters of an error
_COLUMN = 30_000  # characters of an event in one column


@dataclass(frozen=True)
class OutboxEntry:
    """A completion event that waits in the outbox to be announced."""

    row: Row

    @property
    def event(self) -> Mapping[str, object]:
        """The CloudEvent. Raises Unreadable."""
        columns = (name for name in self.row.values if name.startswith("event_"))
        text = "".join(str(self.row.values[name]) for name in sorted(columns))
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unreadable(RUNS, self.row, "the event is not JSON") from error
        if not isinstance(content, Mapping):
            raise Unreadable(RUNS, self.row, "the event is not a JSON object")
        return content

    @property
    def failure(self) -> str:
        """The last error of its announcement; "" if none was noted."""
        return str(self.row.values.get(_FAILURE, ""))

    def asked(self, since: datetime) -> datetime:
        """Return when the sweep last asked for the announcement; `since` if it never did."""
        return index.asked(self.row, since)


@dataclass(frozen=True)
class Unreleased:
    """A generation that has its verdict and may still hold jobs, demand and a place."""

    row: Row

    @property
    def run(self) -> Run:
        """The run as it ended. Raises Unreadable."""
        return from_values(Run, self.row, RUNS)


def of_verdict(run: Run, event: Mapping[str, object]) -> tuple[Operation, Operation]:
    """Return what a verdict writes to the outbox: its event, and the generation to release."""
    outbox = Row(run.pipeline, f"{_OUTBOX}{event['id']}", _columns(event))
    return Insert(outbox), Insert(unreleased_as(run, str(event["id"])).row)


def find(tables: Tables, run_id: str, event_id: str) -> OutboxEntry | None:
    """Read one event of the outbox; None once it was announced."""
    pipeline = naming.pipeline_of(run_id)
    row = tables.get(RUNS, pipeline, _OUTBOX + event_id) if pipeline else None
    return OutboxEntry(row) if row else None


def unannounced(tables: Tables, pipeline: str) -> Iterator[OutboxEntry]:
    """Yield a pipeline's events that were not announced yet."""
    return map(OutboxEntry, prefixed(tables, RUNS, pipeline, _OUTBOX))


def note_failure(tables: Tables, run_id: str, event_id: str, error: str) -> None:
    """Note why an event is not announced; one that was announced meanwhile is fine."""
    entry = find(tables, run_id, event_id)
    if entry is None:
        return
    row = entry.row
    noted = Row(row.partition, row.key, {**row.values, _FAILURE: error[:_LONGEST]}, row.etag)
    with suppress(Conflict):
        write(tables, RUNS, noted)


def mark_announced(tables: Tables, entry: OutboxEntry, now: datetime) -> None:
    """Move the event from the outbox to the announced ones, unless somebody else did."""
    row = entry.row
    sent = Row(row.partition, _ANNOUNCED + row.key, {**row.values, "announced_at": now})
    try:
        tables.transact(RUNS, row.partition, [Remove(row.key), Insert(sent)])
    except Conflict:
        if tables.get(RUNS, row.partition, row.key):
            raise


def unreleased(tables: Tables, pipeline: str) -> Iterator[Unreleased]:
    """Yield a pipeline's generations that ended and were not released yet."""
    return map(Unreleased, prefixed(tables, RUNS, pipeline, _ENDED))


def unreleased_as(run: Run, event_id: str) -> Unreleased:
    """Return the entry that a verdict writes for a run that has just ended."""
    return Unreleased(Row(run.pipeline, _ENDED + event_id, to_values(run)))


def mark_released(tables: Tables, entry: Unreleased) -> None:
    """Note that a generation no longer holds anything."""
    tables.transact(RUNS, entry.row.partition, [Remove(entry.row.key)])


def forget(tables: Tables, run: Run) -> None:
    """Delete the announced events of a run; a second call is harmless."""
    for row in prefixed(tables, RUNS, run.pipeline, f"{_ANNOUNCED}{_OUTBOX}{run.id}-"):
        tables.transact(RUNS, run.pipeline, [Remove(row.key)])


def is_open(tables: Tables, run: Run) -> bool:
    """Return whether an event of a run waits to be announced, or a generation to be released."""
    prefixes = (f"{kind}{run.id}-" for kind in (_OUTBOX, _ENDED))
    return any(next(prefixed(tables, RUNS, run.pipeline, p), None) for p in prefixes)


def _columns(event: Mapping[str, object]) -> dict[str, Value]:
    text = json.dumps(event, ensure_ascii=False)
    parts = (text[at : at + _COLUMN] for at in range(0, len(text), _COLUMN))
    return {f"event_{number:02d}": part for number, part in enumerate(parts)}
