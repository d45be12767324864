"""Decides whether a claimed run may begin now, and admits the next one when a run ends."""

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

_RESUMED = 100  # waiting runs that are admitted at once when a pipeline is resumed

C = ObstacleCode

type Rank = tuple[int, datetime, str]


def limit_of(engine: Engine, run: Run) -> int | None:
    """Return how many runs of the pipeline may be active at once; None means any number."""
    definition = engine.definition(run)
    schedule = definition.trigger.schedule
    queued = schedule is not None and schedule.overlap == "queue"
    if queued and run.origin.kind is OriginKind.SCHEDULE:
        return 1
    return definition.max_concurrent_runs


def take_place(engine: Engine, run: Run) -> tuple[Change, ...] | Obstacle:
    """Return the operations that take one of the pipeline's places, or the run's obstacle.

    A pipeline with `max_concurrent_runs` has as many places.
    """
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
        going = f"{len(taken.holders)} of at most {limit} runs of {run.pipeline} are active"
        return noted(engine, run, C.CONCURRENCY_LIMIT, going)
    return (taken.taken_by(run.id),)


def leave_place(engine: Engine, run: Run) -> tuple[Change, ...]:
    """Return the operations that give the run's place back, or none if it has no place."""
    taken = places.read(engine.ports.tables, run.pipeline)
    return (taken.left_by(run.id),) if run.id in taken.holders else ()


def pause(engine: Engine, pipeline: str) -> bool:
    """Pause a pipeline: its new runs wait. Return whether that is a change."""
    return places.pause(engine.ports.tables, pipeline, engine.now)


def resume(engine: Engine, pipeline: str) -> bool:
    """Resume a pipeline: admit its waiting and its new runs. Return whether that is a change."""
    was = places.resume(engine.ports.tables, pipeline)
    admit_next(engine, pipeline, _RESUMED)
    return was


def admit_next(engine: Engine, pipeline: str = "", count: int = 1) -> None:
    """Readmit the next waiting runs that can have a place, by priority and then by age.

    Without `pipeline` the runs of all pipelines compete.
    """
    for _, held in sorted(_waiting(engine, pipeline), key=lambda ranked: ranked[0]):
        if count and not isinstance(take_place(engine, held.run), Obstacle):
            readmit(engine, held)
            count -= 1


def readmit(engine: Engine, held: Held) -> None:
    """Move a waiting run back to claimed, and ask for its plan."""
    claimed = held.run.to(
        State.CLAIMED, engine.now, engine.token(), why=held.run.why, obstacle=held.run.obstacle
    )
    try:
        runs.move(engine.ports.tables, held, claimed)
    except Conflict:
        return  # somebody else moved it, and asked for its plan
    log.info("Waiting run readmitted", extra=context(claimed, "readmit"))
    engine.wake(Queue.PLAN, claimed)


def _waiting(engine: Engine, pipeline: str) -> Iterator[tuple[Rank, Held]]:
    """Yield the waiting runs with their rank; an unreadable one does not block the others."""
    for held in listing.going(engine.ports.tables, pipeline).held:
        if held.run.state is not State.WAITING:
            continue
        definition = engine.definition_if_readable(held.run)
        if definition:  # the sweep ends runs whose definition nobody can read
            yield (-definition.priority, held.run.created_at, held.run.id), held
