"""Decides what a run waits for, from everything that is known about it. Reads nothing itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.obstacles import Obstacle, ObstacleCode
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting.batch import Found, Readings, batch_obstacle
from pipeline.domain.waiting.remedies import Place, obstacle

C = ObstacleCode


@dataclass(frozen=True)
class FailingStep:
    """A step that fails with an error that may pass; its message is redelivered."""

    code: ObstacleCode
    evidence: str


@dataclass(frozen=True)
class Situation:
    """What is known about a run: from the ledger, from Batch if it was asked, from its own steps.

    `batch` is None if the run has nothing in Batch, or if Batch did not answer; then `silence` says
    what went wrong. `done` is the number of tasks whose receipts were counted. `asked_again` is
    when the sweep asks for the present step, if that has waited for long.
    """

    run: Run
    now: datetime
    place: Place
    batch: Readings | None = None
    silence: str = ""
    done: int = 0
    failing: FailingStep | None = None
    asked_again: datetime | None = None


def decide(known: Situation) -> Obstacle | None:
    """Name what the run waits for; None when it has ended."""
    if known.run.over:
        return None
    code, evidence = _STATES[known.run.state](known)
    failing = known.failing.evidence if known.failing else ""
    if failing and failing not in evidence and known.run.state is not State.WAITING:
        evidence = f"{evidence}; {failing}"
    return obstacle(code, evidence, known.place)


def _waiting(known: Situation) -> Found:
    noted = known.run.obstacle
    if noted:
        return noted.code, noted.evidence
    return C.UNKNOWN, known.run.why or "an earlier release noted no reason"


def _before_batch(known: Situation) -> Found:
    """Say what a run without tasks waits for; it may have a split program in Batch."""
    return _from_batch(known) or _step(known, f"{known.run.state}: in the queue of its next step")


def _with_tasks(known: Situation) -> Found:
    plan = known.run.plan
    found = _from_batch(known)
    if found or plan is None:
        return found or _step(known, f"{known.run.state}: in the queue of its next step")
    submitted = known.batch.job.total if known.batch else 0
    if known.run.state is State.SUBMITTING and submitted < plan.tasks:
        return _step(known, f"{submitted} of {plan.tasks} tasks are submitted")
    if known.done < plan.tasks:
        text = f"all tasks are over, {known.done} of {plan.tasks} are counted"
        return _failing(known) or (C.RECEIPTS_ON_THEIR_WAY, text)
    return _step(known, "all tasks are counted; assembly is in its queue")


def _assembling(known: Situation) -> Found:
    program = _from_batch(known)
    if program:
        return program
    return _failing(known) or (C.ASSEMBLING, _late(known, "its output is being assembled"))


def _committing(known: Situation) -> Found:
    text = "its output is being written to its final place"
    return _failing(known) or (C.COMMITTING, _late(known, text))


def _cancelling(known: Situation) -> Found:
    return _failing(known) or (C.CANCELLING, "its jobs are being ended")


_STATES: dict[State, Callable[[Situation], Found]] = {
    State.CLAIMED: _before_batch,
    State.WAITING: _waiting,
    State.PLANNING: _before_batch,
    State.SUBMITTING: _with_tasks,
    State.RUNNING: _with_tasks,
    State.ASSEMBLING: _assembling,
    State.COMMITTING: _committing,
    State.CANCELLING: _cancelling,
}


def _from_batch(known: Situation) -> Found | None:
    if known.silence:
        return C.BATCH_NOT_ANSWERING, known.silence
    return batch_obstacle(known.batch, known.now) if known.batch else None


def _failing(known: Situation) -> Found | None:
    return (known.failing.code, known.failing.evidence) if known.failing else None


def _step(known: Situation, otherwise: str) -> Found:
    return _failing(known) or (C.STEP_QUEUED, _late(known, otherwise))


def _late(known: Situation, text: str) -> str:
    """Say how a step that waits for long comes back: storage hides it while its host is gone."""
    if known.asked_again is None:
        return text
    return (
        f"{text} since {known.run.changed_at:%T} UTC; if an instance ended with it, "
        f"it is asked for again after {known.asked_again:%T} UTC"
    )
