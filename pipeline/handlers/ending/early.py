"""Verdicts of large runs that end early: before one is given, their items are counted in slices.

How the run is to end is noted in the cursor of the step. Then whoever is asked to assemble the run
goes on with the count instead. A cancellation that comes meanwhile decides over what was noted.
"""

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.manifest import Missing
from pipeline.domain.runs.messages import Step
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.errors import FanfareError
from pipeline.handlers.collecting import indexing
from pipeline.handlers.collecting.accounts import Counts, tallied, uncounted
from pipeline.handlers.collecting.gather import reported, total_items
from pipeline.handlers.collecting.gathering import Gathering
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.kept import Spoiled
from pipeline.handlers.tenure import Elsewhere, TimeIsUp, holding
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import LongStep

_STEP = "early-end"


class Early(Stored):
    """How a run is to end that was in state `of`, and the digest of what is gathered so far.

    `counting` says whether somebody began to count.
    """

    of: State
    state: State
    cause: Cause | None = None
    error: str = ""
    obstacle: Obstacle | None = None
    gathered: str = ""
    counting: bool = False


def is_large(run: Run) -> bool:
    """Return whether a run has so many items that they are counted in slices."""
    return total_items(run) > indexing.FEW


def begin(engine: Engine, run: Run, early: Early) -> None:
    """Note how a large run is to end, unless that is known, and ask for its items to be counted."""
    try:
        with holding(engine, run, _STEP) as tenure:
            noted = tenure.noted(Early)
            if noted is None or (noted.of, noted.state) != (early.of, early.state):
                kept = noted.gathered if noted else ""
                tenure.note(0, early.model_copy(update={"gathered": kept}).model_dump_json())
    except Elsewhere:
        return  # another instance counts them
    engine.wake(Step.ASSEMBLE, run)


def noted(engine: Engine, run: Run) -> Early | None:
    """Return how a run is to end, if that was noted in its present state; None for small runs.

    What was noted before a commit began does not count: the commit decides.
    """
    if not is_large(run):
        return None
    cursor = slices.read(engine.ports.tables, LongStep.of(run, _STEP))
    early = cursor.noted(Early) if cursor else None
    decided = {State.COMMITTING, State.CANCELLING}
    if early is None or (run.state in decided and early.of is not run.state):
        return None
    return early


def count(engine: Engine, run: Run) -> tuple[Counts, list[Missing]]:
    """Count the items of a run whose end is noted. Raises Elsewhere, TimeIsUp."""
    with holding(engine, run, _STEP) as tenure:
        early = tenure.content(Early)
        if not early.counting:
            early = early.model_copy(update={"counting": True})
            tenure.note(tenure.position, early.model_dump_json())
        gathering = _gathering(engine, run, early.gathered)
        if not gathering.over:
            gathering.go_on(None, tenure)
            early = early.model_copy(update={"gathered": gathering.keep()})
            tenure.note(tenure.position + 1, early.model_dump_json())
        if not gathering.over:
            raise TimeIsUp(f"{gathering.result.heard:,} tasks are counted for the verdict.")
        return tallied(engine, run, gathering.result, early.cause)


def so_far(engine: Engine, run: Run) -> tuple[Counts, list[Missing]]:
    """Return what is counted of a run whose end is noted, and which nobody can count any further.

    If not even that can be read, all of its items have failed. Raises Elsewhere.
    """
    with holding(engine, run, _STEP) as tenure:
        early = tenure.content(Early)
        try:
            counted = _gathering(engine, run, early.gathered).result
            return tallied(engine, run, counted, early.cause)
        except (FanfareError, ValueError) as error:
            fields = {**context(run, "count"), "reason": str(error)}
            log.warning("Nothing that was counted can be read", extra=fields)
            return uncounted(engine, run), []


def _gathering(engine: Engine, run: Run, digest: str) -> Gathering:
    """Go on from what was counted, or begin anew if that was harmed: the run has to end."""
    try:
        return Gathering(engine, run, digest, only_ends=True, walk=reported)
    except Spoiled:
        return Gathering(engine, run, "", only_ends=True, walk=reported)
