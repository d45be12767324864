"""Decides whether a claimed run may begin now, and admits the next one when a run ends."""

import heapq
from collections.abc import Iterator
from enum import Enum
from itertools import islice

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import Step
from pipeline.domain.runs.obstacles import Obstacle, ObstacleCode
from pipeline.domain.runs.run import OriginKind, Run
from pipeline.errors import Conflict, Transient
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.why import noted
from pipeline.ledger import index, places, runs, waiting
from pipeline.ledger.rows import Change, Unreadable, log_unreadable
from pipeline.ledger.runs import Held
from pipeline.ledger.waiting import Group, Waiting

_RESUMED = 100  # waiting runs that are admitted at once when a pipeline is resumed

C = ObstacleCode


class TooManyWaiting(Transient):
    """As many runs of the pipeline are waiting as its definition allows."""


def limit_of(engine: Engine, run: Run) -> int | None:
    """Return how many runs of the pipeline may be active at once; None means any number."""
    return 1 if _is_queued(engine, run) else engine.definition(run).max_concurrent_runs


def _is_queued(engine: Engine, run: Run) -> bool:
    """Return whether a run is of a schedule that lets its ticks go one after the other."""
    schedule = engine.definition(run).trigger.schedule
    queues = schedule is not None and schedule.overlap == "queue"
    return queues and run.origin.kind is OriginKind.SCHEDULE


def take_place(engine: Engine, run: Run) -> tuple[Change, ...] | Obstacle:
    """Return the operations that take one of the pipeline's places, or the run's obstacle.

    A pipeline with `max_concurrent_runs` has as many places.
    """
    tables = engine.ports.tables
    if paused := places.paused(tables, run.pipeline):
        return noted(engine, run, C.PAUSED, f"pipeline {run.pipeline} is {paused}")
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
    change = places.pause(engine.ports.tables, pipeline, engine.now, engine.by)
    log.info("Pipeline paused", extra=_steered(engine, pipeline, "pause"))
    return change


def resume(engine: Engine, pipeline: str) -> bool:
    """Resume a pipeline: admit its waiting and its new runs. Return whether that is a change."""
    was = places.resume(engine.ports.tables, pipeline)
    log.info("Pipeline resumed", extra=_steered(engine, pipeline, "resume"))
    admit_next(engine, pipeline, _RESUMED)
    return was


def _steered(engine: Engine, pipeline: str, action: str) -> dict[str, object]:
    return {"action": action, "pipeline": pipeline, "by": str(engine.by)}


def admit_next(engine: Engine, pipeline: str = "", count: int = 1) -> None:
    """Readmit the next waiting runs that can have a place, by priority and then by age.

    Without `pipeline` the runs of all pipelines compete. Only the heads of their lines are read.
    """
    tables = engine.ports.tables
    heads: list[tuple[str, int, Waiting, Iterator[Waiting]]] = []
    for name in [pipeline] if pipeline else index.pipelines(tables):
        for line in waiting.lines(tables, name):
            _step_up(heads, line)
    while heads and count:
        _, _, first, line = heapq.heappop(heads)
        outcome = _admit(engine, first)
        count -= outcome is _Admission.ADMITTED
        if outcome is not _Admission.BLOCKED:
            _step_up(heads, line)


def _step_up(
    heads: list[tuple[str, int, Waiting, Iterator[Waiting]]], line: Iterator[Waiting]
) -> None:
    """Put the next run of a line among the heads."""
    first = next(line, None)
    if first is not None:
        heapq.heappush(heads, (first.rank, id(line), first, line))


class _Admission(Enum):
    """What became of the head of a line; a blocked one blocks those behind it."""

    ADMITTED = "admitted"
    BLOCKED = "blocked"
    SKIPPED = "skipped"


def _admit(engine: Engine, first: Waiting) -> _Admission:
    """Readmit a run if it can have a place; remove a row that no run needs."""
    try:
        held = runs.load(engine.ports.tables, first.run)
    except Unreadable as error:
        log_unreadable(error)
        return _Admission.SKIPPED
    if held is None or held.run.state is not State.WAITING:
        since = first.since()
        if since is None or engine.now - since > engine.patience.receipt:
            waiting.take_out(engine.ports.tables, first)  # else it is only about to wait
        return _Admission.SKIPPED
    if engine.definition_if_readable(held.run) is None:
        return _Admission.SKIPPED  # the sweep ends runs whose definition nobody can read
    if isinstance(take_place(engine, held.run), Obstacle):
        return _Admission.BLOCKED
    if readmit(engine, held):
        waiting.take_out(engine.ports.tables, first)
    return _Admission.ADMITTED


def put_into_line(engine: Engine, run: Run) -> None:
    """List a run that is about to wait; call it before the run's move."""
    priority = engine.definition(run).priority
    waiting.put_into_line(engine.ports.tables, run, _group(engine, run), priority, engine.now)


def restore_line(engine: Engine, run: Run) -> None:
    """List a waiting run that is not in its line: an earlier release does not keep lines."""
    if engine.definition_if_readable(run) is None:
        return
    priority = engine.definition(run).priority
    if not waiting.in_line(engine.ports.tables, run, _group(engine, run), priority):
        put_into_line(engine, run)


def _group(engine: Engine, run: Run) -> Group:
    """Return the line of a run, by what it waits for; a run without a job slot holds a place."""
    if run.obstacle and run.obstacle.code is C.JOB_QUOTA:
        return Group.HOLDS_PLACE
    return Group.QUEUED_TICK if _is_queued(engine, run) else Group.NEEDS_PLACE


def check_room(engine: Engine, pipeline: Pipeline) -> None:
    """Raise TooManyWaiting if the pipeline takes no further request now.

    Every active run beyond `max_concurrent_runs` counts as waiting, planned or not yet.
    """
    most, going = pipeline.max_waiting_runs, pipeline.max_concurrent_runs
    if most is None:
        return
    tables = engine.ports.tables
    if going is None:
        full = waiting.count_up_to(tables, pipeline.name, most) >= most
    else:
        active = islice(index.active_of(tables, pipeline.name), going + most)
        full = sum(1 for _ in active) >= going + most
    if full:
        raise TooManyWaiting(
            f"{most} runs of {pipeline.name} are waiting, as many as `max_waiting_runs` allows: "
            "ask again later."
        )


def readmit(engine: Engine, held: Held) -> bool:
    """Move a waiting run back to claimed, and ask for its plan; return whether this call did."""
    claimed = held.run.to(
        State.CLAIMED, engine.now, engine.token(), why=held.run.why, obstacle=held.run.obstacle
    )
    try:
        runs.move(engine.ports.tables, held, claimed)
    except Conflict:
        return False  # somebody else moved it, and asked for its plan
    log.info("Waiting run readmitted", extra=context(claimed, "readmit"))
    engine.wake(Step.PLAN, claimed)
    return True
