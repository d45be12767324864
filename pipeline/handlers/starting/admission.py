"""Decides whether a claimed run may begin now, and lets the next one in when another ends."""

from collections.abc import Iterator
from datetime import datetime

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.obstacles import Obstacle, ObstacleCode
from pipeline.domain.runs.run import OriginKind, Run
from pipeline.errors import Conflict
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.why import noted
from pipeline.ledger import listing, places, runs
from pipeline.ledger.rows import Change
from pipeline.ledger.runs import Held

_RESUMED = 100  # runs that a resumed pipeline lets in at once

C = ObstacleCode

type Rank = tuple[int, datetime, str]


def limit_of(engine: Engine, run: Run) -> int | None:
    """Return how many runs of the pipeline may go at once; None means any number."""
    definition = engine.definition(run)
    schedule = definition.trigger.schedule
    queued = schedule is not None and schedule.overlap == "queue"
    if queued and run.origin.kind is OriginKind.SCHEDULE:
        return 1
    return definition.max_concurrent_runs


def take_place(engine: Engine, run: Run) -> tuple[Change, ...] | Obstacle:
    """Return the operations that take a place for the run, or the obstacle that it waits for."""
    tables = engine.ports.tables
    if places.paused(tables, run.pipeline):
        return noted(engine, run, C.PAUSED, f"pipeline {run.pipeline} is paused")
    limit = limit_of(engine, run)
    if limit is None:
        return ()
    taken = places.read(tables, run.pipeline)
    if run.id in taken.holders:
        return ()
    if len(taken.holders) >= limit:
        going = f"{len(taken.holders)} of at most {limit} runs of {run.pipeline} are going"
        return noted(engine, run, C.CONCURRENCY_LIMIT, going)
    return (taken.taken_by(run.id),)


def leave_place(engine: Engine, run: Run) -> tuple[Change, ...]:
    """Return the operations that give the run's place back, if it has one."""
    taken = places.read(engine.ports.tables, run.pipeline)
    return (taken.left_by(run.id),) if run.id in taken.holders else ()


def pause(engine: Engine, pipeline: str) -> bool:
    """Let new runs of a pipeline wait; say whether that is a change."""
    return places.pause(engine.ports.tables, pipeline, engine.now)


def resume(engine: Engine, pipeline: str) -> bool:
    """Let new runs of a pipeline begin, and those that wait; say whether that is a change."""
    was = places.resume(engine.ports.tables, pipeline)
    admit_next(engine, pipeline, _RESUMED)
    return was


def admit_next(engine: Engine, pipeline: str = "", count: int = 1) -> None:
    """Let the next waiting runs that have a place try again: first by priority, then by age.

    Those of one pipeline, or of all.
    """
    for _, held in sorted(_waiting(engine, pipeline), key=lambda ranked: ranked[0]):
        if count and not isinstance(take_place(engine, held.run), Obstacle):
            readmit(engine, held)
            count -= 1


def readmit(engine: Engine, held: Held) -> None:
    """Put a waiting run back to claimed and ask for its plan."""
    again = held.run.to(
        State.CLAIMED, engine.now, engine.token(), why=held.run.why, obstacle=held.run.obstacle
    )
    try:
        runs.move(engine.ports.tables, held, again)
    except Conflict:
        return  # somebody else moved it, and asked for its plan
    log.info("Waiting run tries again", extra=context(again, "readmit"))
    engine.wake(Queue.PLAN, again)


def _waiting(engine: Engine, pipeline: str) -> Iterator[tuple[Rank, Held]]:
    """Yield the runs that wait, each with its rank; one that cannot be read holds up no other."""
    for held in listing.going(engine.ports.tables, pipeline).held:
        if held.run.state is not State.WAITING:
            continue
        definition = engine.definition_if_readable(held.run)
        if definition:  # the sweep ends those that nobody can read
            yield (-definition.priority, held.run.created_at, held.run.id), held
