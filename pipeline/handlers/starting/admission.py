"""Decides whether a claimed run may begin now, and lets the next one in when another ends.

Places of a pipeline with `max_concurrent_runs` are a set of run ids in one row beside the runs, so
that taking a place and moving the run are one transaction.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import OriginKind, Run
from pipeline.errors import Conflict, Permanent
from pipeline.handlers.engine import Engine, context, log
from pipeline.ledger import runs
from pipeline.ledger.runs import Held
from pipeline.ports.tables import Insert, Operation, Replace, Row, Tables

_PLACES, _PAUSED = "!places", "!paused"

type Rank = tuple[int, datetime, str]


@dataclass(frozen=True)
class Places:
    """The runs of a pipeline that hold a place, and the row that says so."""

    row: Row | None
    runs: tuple[str, ...]


def limit_of(engine: Engine, run: Run) -> int | None:
    """Return how many runs of the pipeline may go at once; None means any number."""
    definition = engine.definition(run)
    schedule = definition.trigger.schedule
    queued = schedule is not None and schedule.overlap == "queue"
    if queued and run.origin.kind is OriginKind.SCHEDULE:
        return 1
    return definition.max_concurrent_runs


def take_place(engine: Engine, run: Run) -> tuple[Operation, ...] | str:
    """Return the operations that take a place for the run, or the reason why it has to wait."""
    tables = engine.ports.tables
    if paused(tables, run.pipeline):
        return f"pipeline {run.pipeline} is paused (`fanfare resume {run.pipeline}`)"
    limit = limit_of(engine, run)
    if limit is None:
        return ()
    places = _read(tables, run.pipeline)
    if run.id in places.runs:
        return ()
    if len(places.runs) >= limit:
        return f"{len(places.runs)} of at most {limit} runs of {run.pipeline} are going"
    return (_write(run.pipeline, places, (*places.runs, run.id)),)


def leave_place(tables: Tables, run: Run) -> tuple[Operation, ...]:
    """Return the operations that give the run's place back, if it has one."""
    places = _read(tables, run.pipeline)
    if run.id not in places.runs:
        return ()
    return (_write(run.pipeline, places, tuple(r for r in places.runs if r != run.id)),)


def admit_next(engine: Engine, pipeline: str = "", count: int = 1) -> None:
    """Let the next waiting runs that have a place try again: first by priority, then by age.

    Those of one pipeline, or of all.
    """
    for _, held in sorted(_waiting(engine, pipeline), key=lambda ranked: ranked[0]):
        if count and not isinstance(take_place(engine, held.run), str):
            readmit(engine, held)
            count -= 1


def readmit(engine: Engine, held: Held) -> None:
    """Put a waiting run back to claimed and ask for its plan."""
    again = held.run.to(State.CLAIMED, engine.now, engine.token(), why=held.run.why)
    try:
        runs.move(engine.ports.tables, held, again)
    except Conflict:
        return  # somebody else moved it, and asked for its plan
    log.info("Waiting run tries again", extra=context(again, "readmit"))
    engine.wake("plan", again)


def paused(tables: Tables, pipeline: str) -> bool:
    """Whether new runs of the pipeline wait."""
    return tables.get(runs.TABLE, pipeline, _PAUSED) is not None


def _waiting(engine: Engine, pipeline: str) -> Iterator[tuple[Rank, Held]]:
    """Yield the runs that wait, each with its rank; one that cannot be read holds up no other."""
    tables = engine.ports.tables
    for run_id in runs.active_of(tables, pipeline) if pipeline else runs.active(tables):
        try:
            held = runs.load(tables, run_id)
            if held and held.run.state is State.WAITING:
                priority = engine.definition(held.run).priority
                yield (-priority, held.run.created_at, held.run.id), held
        except Permanent as error:
            log.warning(
                "Run not admitted: it cannot be read",
                extra={"action": "readmit", "run": run_id, "reason": str(error)},
            )


def _read(tables: Tables, pipeline: str) -> Places:
    row = tables.get(runs.TABLE, pipeline, _PLACES)
    return Places(row, tuple(json.loads(str(row.values["runs"]))) if row else ())


def _write(pipeline: str, places: Places, holders: tuple[str, ...]) -> Operation:
    values = {"runs": json.dumps(holders)}
    if places.row is None:
        return Insert(Row(pipeline, _PLACES, values))
    return Replace(Row(pipeline, _PLACES, values, places.row.etag))
