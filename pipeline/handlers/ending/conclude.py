"""Ends runs: verdict, index and completion event in one transaction, then what follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.domain.runs import naming
from pipeline.domain.runs.announcement import completion_event
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.keeping.backups import Phase
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.manifest import Missing
from pipeline.domain.runs.messages import AnnounceMessage, Step
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.run import Output, Run
from pipeline.errors import FanfareError
from pipeline.handlers import backups, metering
from pipeline.handlers.collecting.accounts import Counts, tally
from pipeline.handlers.ending import early
from pipeline.handlers.ending.early import Early
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.running import demand, secrets
from pipeline.handlers.starting import admission
from pipeline.ledger import outbox, runs
from pipeline.ledger.outbox import Unreleased
from pipeline.ledger.runs import Held

_LONGEST = 4000  # characters of an error


@dataclass(frozen=True)
class Verdict:
    """How a run ends, and what its event says.

    Without `counts`, the counts and the missing items come from what the tasks reported. Those of a
    large run are counted in slices before. Success is never put off for that: it comes with its
    output and counts, or raises ValueError.
    """

    state: State
    cause: Cause | None = None
    error: str = ""
    output: Output | None = None
    missing: Sequence[Mapping[str, object]] = ()
    counts: Counts | None = None
    obstacle: Obstacle | None = None

    def __post_init__(self) -> None:
        if self.state is State.SUCCEEDED and (self.output is None or self.counts is None):
            raise ValueError("A run that succeeded has an output, and counts of its items.")


@dataclass(frozen=True)
class Ended:
    """The run has its verdict, or gets it as soon as its items are counted."""

    run: Run


def conclude(engine: Engine, held: Held, verdict: Verdict) -> Ended:
    """Write the verdict and its event, announce it, and free what the run held. Raises Conflict."""
    now, counts, missing = engine.now, verdict.counts, verdict.missing
    if counts is None and early.is_large(held.run):
        early.begin(engine, held.run, _noted(held.run, verdict))
        return Ended(held.run)
    if counts is None:
        counts, unfinished = tally(engine, held.run, verdict.cause)
        missing = [entry.model_dump(mode="json") for entry in unfinished]
    run = held.run.to(
        verdict.state,
        now,
        engine.token(),
        cause=verdict.cause,
        error=verdict.error[:_LONGEST],
        output=verdict.output,
        obstacle=verdict.obstacle,
        ended_at=now,
        **dict(counts),
    )
    event = completion_event(run, missing)
    place = admission.leave_place(engine, run)
    concluded = runs.conclude(engine.ports.tables, held, run, event, *place)
    log.info("Run ended", extra={**context(run, "conclude"), "cause": str(verdict.cause or "")})
    metering.ended(held.run, run)
    after_verdict(engine, concluded.run)
    return Ended(concluded.run)


def _noted(run: Run, verdict: Verdict) -> Early:
    return Early(
        of=run.state,
        state=verdict.state,
        cause=verdict.cause,
        error=verdict.error[:_LONGEST],
        obstacle=verdict.obstacle,
    )


def conclude_early(engine: Engine, held: Held, noted: Early) -> None:
    """Count the items of a large run that ends early, then conclude it as was noted.

    Raises Elsewhere, TimeIsUp, and Conflict if the run has moved on.
    """
    _conclude_as(engine, held, noted, early.count(engine, held.run))


def conclude_uncounted(engine: Engine, held: Held, noted: Early, why: str) -> None:
    """Conclude a large run as was noted, though its items cannot all be counted; say so, and why.

    Raises Elsewhere, and Conflict if the run has moved on.
    """
    error = f"{noted.error} Not all of its items could be counted, and the others count as failed."
    noted = noted.model_copy(update={"error": f"{error} {why}"})
    _conclude_as(engine, held, noted, early.so_far(engine, held.run))


def _conclude_as(
    engine: Engine, held: Held, noted: Early, counted: tuple[Counts, list[Missing]]
) -> None:
    counts, unfinished = counted
    missing = [entry.model_dump(mode="json") for entry in unfinished]
    verdict = Verdict(noted.state, noted.cause, noted.error, None, missing, counts, noted.obstacle)
    conclude(engine, runs.reread(engine.ports.tables, held), verdict)


def fail(engine: Engine, held: Held, cause: Cause, error: str) -> Ended:
    """End a run as failed."""
    return conclude(engine, held, Verdict(State.FAILED, cause, error))


def after_verdict(engine: Engine, run: Run) -> None:
    """Do what follows a verdict; the sweep completes it if something fails or is lost."""
    event = run.names.event(run.state)
    try:
        engine.ask(
            AnnounceMessage(
                step=Step.ANNOUNCE, run=run.id, event=event, traceparent=run.traceparent
            )
        )
        release(engine, outbox.unreleased_as(run, event))
    except FanfareError as error:
        log.warning(
            "Work after a verdict failed: the sweep completes it",
            extra={**context(run, "release"), "reason": str(error)},
        )


def release(engine: Engine, entry: Unreleased) -> None:
    """Free what a generation held: jobs, secrets, demand, and the place that the next run gets."""
    release_jobs(engine, entry.run)
    secrets.forget(engine, entry.run)
    demand.withdraw(engine, entry.run)
    admission.admit_next(engine)
    backups.keep(engine, entry.run, Phase.ENDED)
    outbox.mark_released(engine.ports.tables, entry)


def release_jobs(engine: Engine, run: Run) -> None:
    """End the run's jobs, but let them complete if it succeeded: logs may still be uploading."""
    end = engine.ports.jobs.close if run.state is State.SUCCEEDED else engine.ports.jobs.terminate
    for job in jobs_of(engine, run):
        end(job)


def jobs_of(engine: Engine, run: Run) -> list[str]:
    """Name every Batch job that this generation may have."""
    definition = engine.definition_if_readable(run)
    stages = [""]
    if definition is None or definition.split.on_node:
        stages.append(naming.SPLIT)
    if definition is None or definition.assemble.program:
        stages.append(naming.ASSEMBLE)
    return [
        run.names.job(execution, stage)
        for stage in stages
        for execution in range(run.executions + 1)
    ]
